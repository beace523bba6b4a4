import type { AdminParts } from '../admin/index.ts'
import type { OwnAreas } from './areas.ts'
import { issuersOf } from './access/authenticators.ts'
import { backUp } from './backup.ts'

/** The parts of administration, over the same areas with and without a running server. */
export function administrationParts(
  areas: OwnAreas,
  more: Pick<
    AdminParts,
    'table' | 'version' | 'reload' | 'onKeysChanged' | 'onPeopleChanged' | 'signals'
  >,
): AdminParts {
  const { configuration } = areas
  return {
    ...areas,
    ...more,
    passkeys: () => configuration().passkeys,
    approvers: () => configuration().recovery?.approvers,
    issuers: () => issuersOf(configuration(), areas.metadata),
    metadataUrl: () => configuration().authenticators.metadata?.url,
    groups: () => configuration().groups.map((group) => group.name),
    identityBase: () => `${configuration().identity.origin}${configuration().identity.basePath}`,
    configurationVersion: () => configuration().version,
    backup: (directory, record) => backUp(areas, directory, record),
  }
}

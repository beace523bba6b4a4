import { countUsable, standingOf, wantedCount } from '../identity/index.ts'
import type { Credential, Person } from '../identity/index.ts'
import { authenticatorName } from '../webauthn/index.ts'
import type { AdminParts, OperationTable } from './operation.ts'

/** Where the passkeys of everybody stand, and who has too few. */
export const credentialReport: OperationTable = {
  'GET /v1/credentials/report': async (parts) => {
    const people = await parts.people.list()
    const owned = new Map<string, Credential[]>(people.map(({ id }) => [id, []]))
    for (const one of await parts.credentials.list()) owned.get(one.personId)?.push(one)
    const credentials = people.flatMap((person) =>
      (owned.get(person.id) ?? []).map((one) => credentialRow(parts, person, one)),
    )
    const activeOf = ({ id }: Person): readonly Credential[] =>
      (owned.get(id) ?? []).filter(({ suspension }) => suspension === undefined)
    const short = people.flatMap((person) => personRow(parts, person, activeOf(person)))
    return { credentials, people: short }
  },
}

function credentialRow(
  { clock, passkeys }: Pick<AdminParts, 'clock' | 'passkeys'>,
  person: Person,
  credential: Credential,
): Record<string, unknown> {
  const { ageing } = passkeys()
  const { id, name, aaguid, createdAt, lastUsedAt } = credential
  const due = ageing.rotateAfter === undefined ? undefined : createdAt + ageing.rotateAfter
  return {
    id,
    username: person.username,
    name,
    model: authenticatorName(aaguid) ?? null,
    sealed: credential.sealedAt !== undefined,
    state: credential.suspension === undefined ? 'active' : 'suspended',
    standing: standingOf(ageing, credential, clock.now()),
    replaceBy: due === undefined ? null : new Date(due).toISOString(),
    lastUsedAt: lastUsedAt === undefined ? null : new Date(lastUsedAt).toISOString(),
    attested: credential.attestationTrusted,
    synced: credential.backupEligible,
  }
}

/** Those with a single passkey, and those with fewer than their groups ask for; not who cannot sign in. */
function personRow(
  { directory, passkeys }: Pick<AdminParts, 'directory' | 'passkeys'>,
  person: Person,
  own: readonly Credential[],
): readonly Record<string, unknown>[] {
  const wanted = wantedCount(passkeys(), directory.groupsOf(person))
  const usable = countUsable(own)
  const isShort = usable === 1 || usable < wanted
  if (person.disabled || !isShort) return []
  return [{ username: person.username, credentials: usable, wanted }]
}

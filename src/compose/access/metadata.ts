import type { Configuration } from '../../config/index.ts'
import { Metadata, parseRevocationLists } from '../../metadata/index.ts'
import type {
  MetadataFloor,
  MetadataMark,
  MetadataSettings,
  RevocationLists,
} from '../../metadata/index.ts'
import { loadMark, saveMark } from '../../storage/index.ts'
import type { Database } from '../../storage/index.ts'
import { parseAnchors } from '../../webauthn/index.ts'
import { writeDurably } from '../data-directory.ts'
import type { Areas } from '../areas.ts'

const known = new WeakMap<Configuration, MetadataSettings>()
const combined = new WeakMap<MetadataSettings, MetadataSettings & { readonly imported: object }>()

/** FIDO metadata of a data directory, believed as the configuration in force says. */
export function openMetadata({
  configuration,
  paths,
  clock,
  database,
  revocationLists,
}: Pick<Areas, 'configuration' | 'paths' | 'clock' | 'database' | 'revocationLists'>): Metadata {
  const settings = (): MetadataSettings | undefined =>
    metadataSettings(configuration(), revocationLists)
  return new Metadata({
    path: paths.metadata,
    write: writeDurably,
    clock,
    settings,
    floor: floorIn(database),
  })
}

/** The same object for the same configuration and lists: another one has the list judged again. */
function metadataSettings(
  configuration: Configuration,
  { lists }: Pick<RevocationLists, 'lists'>,
): MetadataSettings | undefined {
  const settings = configuredSettings(configuration)
  if (settings === undefined || lists.length === 0) return settings
  const found = combined.get(settings)
  if (found?.imported === lists) return found
  const revocationLists = [...settings.revocationLists, ...lists]
  const both = { ...settings, revocationLists, imported: lists }
  combined.set(settings, both)
  return both
}

function configuredSettings(configuration: Configuration): MetadataSettings | undefined {
  const { metadata } = configuration.authenticators
  if (metadata === undefined) return undefined
  const found = known.get(configuration)
  if (found !== undefined) return found
  const { signer, warnAfter, refuseAfter } = metadata
  const settings: MetadataSettings = {
    roots: metadata.roots.flatMap(({ file, pem }) => parseAnchors(file, pem) ?? []),
    revocationLists: metadata.revocationLists.flatMap(({ pem }) => parseRevocationLists(pem) ?? []),
    signer,
    warnAfter,
    refuseAfter,
  }
  known.set(configuration, settings)
  return settings
}

const floorName = 'metadata_floor'

function floorIn(database: Database): MetadataFloor {
  return {
    load: () => {
      const text = loadMark(database, floorName)
      return text === undefined ? undefined : (JSON.parse(text) as MetadataMark)
    },
    raise: (mark) => saveMark(database, floorName, JSON.stringify(mark)),
  }
}

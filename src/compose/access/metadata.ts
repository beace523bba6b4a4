import type { Configuration } from '../../config/index.ts'
import type { Clock } from '../../core/index.ts'
import { Metadata, parseRevocationLists } from '../../metadata/index.ts'
import type { MetadataFloor, MetadataMark, MetadataSettings } from '../../metadata/index.ts'
import { loadMark, saveMark } from '../../storage/index.ts'
import type { Database } from '../../storage/index.ts'
import { parseAnchors } from '../../webauthn/index.ts'
import { writeDurably } from '../data-directory.ts'
import type { DataPaths } from '../data-directory.ts'

const known = new WeakMap<Configuration, MetadataSettings>()

/** FIDO metadata of a data directory, believed as the configuration in force says. */
export function openMetadata(
  configuration: () => Configuration,
  paths: DataPaths,
  clock: Clock,
  database: Database,
): Metadata {
  const settings = (): MetadataSettings | undefined => metadataSettings(configuration())
  return new Metadata({
    path: paths.metadata,
    write: writeDurably,
    clock,
    settings,
    floor: floorIn(database),
  })
}

/** The same object for the same configuration: another one has the list judged again. */
function metadataSettings(configuration: Configuration): MetadataSettings | undefined {
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

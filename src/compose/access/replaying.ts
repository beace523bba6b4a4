import type { Setting } from '../../analysis/index.ts'
import type { Configuration } from '../../config/index.ts'
import type { Person } from '../../identity/index.ts'
import { Database, sqlitePeople } from '../../storage/index.ts'
import { accessViewOf } from './view.ts'

/** A configuration as far as decisions can be repeated under it. */
export function replaySetting(configuration: Configuration): Setting {
  const { policies, boundaries, version } = configuration
  const languages = new Map(
    [...policies, ...boundaries].map(({ name, document }) => [name, document.version]),
  )
  return {
    view: accessViewOf(configuration),
    version,
    // A policy of an API goes by the place where it stands.
    languageOf: (policy) => languages.get(policy) ?? `of ${policy}`,
  }
}

/** Everybody in the database of an installation, whether a server uses it or not. Nothing is written. */
export async function readPeople({
  storage,
}: Pick<Configuration, 'storage'>): Promise<readonly Person[]> {
  const database = Database.openToRead(storage.database)
  try {
    return await sqlitePeople(database).list()
  } finally {
    database.close()
  }
}

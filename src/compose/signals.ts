import type { Configuration } from '../config/index.ts'
import type { RouteTable } from '../http/index.ts'
import { pollRoutes, Signals } from '../signals/index.ts'
import type { SignalSettings } from '../signals/index.ts'
import { Database, parkedLanes, sqliteLanes, sqliteWaitingSets } from '../storage/index.ts'
import type { Areas, OwnAreas } from './areas.ts'
import type { Log } from './log.ts'

/** Telling others of events, over the areas of whoever writes the audit log. */
export function buildSignals(areas: OwnAreas, log?: Pick<Log, 'write' | 'failure'>): Signals {
  const { audit, database, paths } = areas
  return new Signals({
    ...areas,
    audit: { directory: paths.audit, name: audit.name, size: () => audit.size },
    lanes: sqliteLanes(database),
    waiting: sqliteWaitingSets(database),
    onProblem: (what, facts) => log?.write('error', what, facts),
    onError: (error) => log?.failure('telling others of events failed', error),
  })
}

export function signalSettings({ identity, webhooks, receivers }: Configuration): SignalSettings {
  return { issuer: identity.issuer, webhooks, receivers }
}

/** Who is told no more, read without a lock and without changing anything. */
export function findParked({
  storage,
}: Pick<Configuration, 'storage'>): readonly { readonly name: string; readonly problem: string }[] {
  const database = Database.openToRead(storage.database)
  try {
    return parkedLanes(database)
  } finally {
    database.close()
  }
}

/** What receivers find at the identity origin. */
export function signalRoutes(
  { database, keys, clock }: Areas,
  configuration: () => Configuration,
  stopping: AbortSignal,
): RouteTable {
  return pollRoutes({
    issuer: () => configuration().identity.issuer,
    receivers: () => configuration().receivers,
    waiting: sqliteWaitingSets(database),
    keys,
    clock,
    stopping,
  })
}

/**
 * Drivers for the ports that the areas own. `sqlite` is the embedded one: a single file, write-ahead
 * logging, one statement or one transaction for everything that may happen only once. It guarantees
 * that a damaged, foreign or newer database is refused and never replaced by an empty one.
 */
export { Database } from './sqlite/database.ts'
export { sqliteCredentials } from './sqlite/credentials.ts'
export { sqliteGrantLinks, sqliteProviderObjects } from './sqlite/provider-objects.ts'
export {
  sqliteCeremonies,
  sqliteHandoffs,
  sqliteStepUps,
  sqliteTickets,
} from './sqlite/one-time.ts'
export { sqlitePeople } from './sqlite/people.ts'
export { sqliteRecoveries } from './sqlite/recoveries.ts'
export { sqliteProofs } from './sqlite/proofs.ts'
export { sqliteKnownDevices, sqliteRevocations, sqliteSessions } from './sqlite/sessions.ts'
export { parkedLanes, sqliteLanes, sqliteWaitingSets } from './sqlite/signals.ts'
export {
  loadClockFloor,
  loadMark,
  saveClockFloor,
  saveMark,
  sweepExpired,
} from './sqlite/upkeep.ts'
export { sqliteProofReplays } from './sqlite/used-proofs.ts'
export { sqliteRevocationLists } from './sqlite/revocation-lists.ts'

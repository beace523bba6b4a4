/**
 * Where the house is put together: the data directory, the drivers behind every port, what a configuration
 * means for each area, and the life of the serving process.
 */
export { administrationParts } from './administration.ts'
export { ensurePeople, openAreas } from './areas.ts'
export type { Areas } from './areas.ts'
export {
  dataPaths,
  DirectoryLock,
  findRunning,
  markInstalled,
  prepareDataDirectory,
  requireInstallation,
} from './data-directory.ts'
export type { DataPaths, RunningServer } from './data-directory.ts'
export { draftingOf } from './access/drafting.ts'
export type { DraftedFor } from './access/drafting.ts'
export { readPeople, replaySetting } from './access/replaying.ts'
export type { FleetState } from '../login/index.ts'
export { accessViewOf } from './access/view.ts'
export { buildGatewayTable } from './gateway-table.ts'
export { Kept } from './kept.ts'
export { Log } from './log.ts'
export { prepareToServe, startServer } from './server.ts'
export type { RunningProcess } from './server.ts'
export { buildSignals, findParked, signalSettings } from './signals.ts'

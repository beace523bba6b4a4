/**
 * Administration: people, credentials, sessions, keys, explanations, reload and backup, one file per
 * resource, and the loopback listener that serves them beside health and metrics. It guarantees that
 * every change is on record and that no secret is ever read back. Who may administer is whoever owns
 * the data directory.
 */
export { Administration } from './administration.ts'
export { adminErrors, hintFor } from './errors.ts'
export { AdminListener } from './listener.ts'
export type { AdminListenerParts } from './listener.ts'
export type { AdminParts } from './operation.ts'

/**
 * Sessions: what a person has open after a ceremony, at the identity origin, at API hosts and in
 * applications; and the list of what has been revoked. It guarantees that an ended session, a removed
 * credential or a disabled person is refused by every process on the same store within half a second,
 * and after a restart. Handles are stored only as hashes.
 */
export { acrOf, amrOf, originOf } from './assurance.ts'
export { Handoffs } from './handoff.ts'
export type { Handoff, HandoffStore, Taken } from './handoff.ts'
export { Revocations } from './revocations.ts'
export type { RevocableFacts } from './revocations.ts'
export { Sessions } from './sessions.ts'
export type { SessionLifetimes } from './sessions.ts'
export type {
  KnownDeviceStore,
  Revocation,
  RevocationStore,
  RevokedKind,
  SessionOrigin,
  SessionStore,
} from './store.ts'
export { StepUps, stepUpLifetime } from './step-up.ts'
export type { StepUp, StepUpStore } from './step-up.ts'
export type { ProofFacts, Session, SessionId, SessionKind } from './types.ts'

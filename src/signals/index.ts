/**
 * Tells others of security events: webhooks, signed as Standard Webhooks does, and receivers of shared signals
 * (OpenID Shared Signals Framework 1.0, CAEP 1.0, RISC 1.0), by push (RFC 8935) or poll (RFC 8936).
 *
 * Guarantees: the audit log is the one source; whoever is told hears of each event at least once, in the order of
 * the log, also over restarts, and can tell repetitions by their id; what is told is what the catalogue names,
 * never a secret; addresses are judged when they are connected to; whatever a receiver does, it holds up nobody
 * but itself, and costs bounded memory; one that fails for too long is parked, which is on record.
 *
 * Does not: let receivers manage streams or subjects themselves (the configuration does), receive signals, or tell
 * of events from before a receiver was configured.
 *
 * Specifications: RFC 8417, 8935, 8936, 9493.
 */
export { eventTypes } from './catalogue.ts'
export type { EventType } from './catalogue.ts'
export { signalErrors } from './errors.ts'
export { pollRoutes } from './poll.ts'
export type { PollParts } from './poll.ts'
export { sharedSignals } from './set.ts'
export type { PollDelivery, PushDelivery, ReceiverSettings, SharedSignal } from './set.ts'
export { Signals } from './signals.ts'
export type { LaneKind, LaneReport, SignalParts, SignalSettings, TestReport } from './signals.ts'
export type { LaneState, LaneStore, WaitingSet, WaitingSetStore } from './store.ts'
export type { WebhookSettings } from './webhook.ts'

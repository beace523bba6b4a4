/**
 * Words every area shares: bytes, time, JSON, secrets, and the three kinds of no. Knows nothing of
 * gateways, people or tokens, and imports nothing but Node's own modules.
 */
export { addressFamily, canonicalAddress } from './address.ts'
export type { Brand } from './brand.ts'
export {
  concatBytes,
  equalBytes,
  equalText,
  parseBase64url,
  toBase64url,
  viewBase64url,
} from './bytes.ts'
export { epochSeconds, manualClock, systemClock } from './clock.ts'
export type { Clock, Instant } from './clock.ts'
export { millis, parseDuration, printDuration, seconds, toSeconds } from './duration.ts'
export type { Millis, Seconds } from './duration.ts'
export { defineErrors, isRefusal, ProofgateError, Refusal } from './errors.ts'
export type { ErrorCatalogue, ErrorSpec, Fault } from './errors.ts'
export { Interned } from './interned.ts'
export { invariant, InvariantError, unreachable } from './invariant.ts'
export { canonicalJson, isJsonObject, ownProperty, parseJson } from './json.ts'
export type { Json, JsonLimits, JsonObject } from './json.ts'
export { keepHttpLean } from './lean-http.ts'
export { findOwnModules } from './own-modules.ts'
export { randomId, randomToken } from './random.ts'
export { isMetOften, Recently } from './recently.ts'
export type { Meetable } from './recently.ts'
export { hashSecret, Secret } from './secret.ts'
export type { HashPurpose } from './secret.ts'
export { Slot, SlotKey } from './slot.ts'

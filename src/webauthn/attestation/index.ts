/**
 * Attestation: what a new credential says about the device it is in (WebAuthn L3 8). Two questions are
 * kept apart: whether a statement is correct in itself (`verifyAttestationStatement`, pure, no anchors,
 * no clock), and whether anybody has a reason to believe it (`judgeTrust`, anchors and a time).
 *
 * Guarantees: statements are verified step by step with bounded parsers of our own; trust is a chain of
 * `x5c` to a configured anchor, or nothing. Does not: fetch anything, or know revocations and metadata.
 */
export type { DeviceFacts } from './device.ts'
export { unknownDevice } from './device.ts'
export { certificateAnchor, leafKeyAnchor, parseAnchors } from './anchors.ts'
export { parseAttestationObject, verifyAttestationStatement } from './statement.ts'
export { judgeTrust, maySignRevocations } from './trust.ts'
export type { Trust, TrustAnchor } from './trust.ts'
export { signedAaguid } from './verified.ts'
export type { AttestedFacts, ChainedStatement, VerifiedStatement } from './verified.ts'

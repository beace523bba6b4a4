/**
 * The relying party's side of WebAuthn Level 3: makes options, parses responses, verifies registrations
 * (7.1) and assertions (7.2), step by step and purely: no clock, no store, no network.
 *
 * Guarantees: every input is bounded and has one reading (canonical CBOR, strict base64url, JSON without
 * repeated members, nothing left over anywhere); every check of the specification that needs no store is
 * made, against the stored ceremony only; nothing an untrusted response holds makes it throw; unknown
 * credential, wrong account and wrong signature get one and the same public answer.
 *
 * Does not: keep challenges (the caller takes the ceremony first, once), see to it that a credential id
 * is new, decide about counters, or trust an attestation by itself: `judgeTrust` is asked with anchors.
 * Why this is our own code: docs/decisions/0001-own-webauthn-verifier.md.
 */
export { authenticatorName } from './aaguid-hints.ts'
export {
  certificateAnchor,
  judgeTrust,
  maySignRevocations,
  leafKeyAnchor,
  parseAnchors,
  unknownDevice,
} from './attestation/index.ts'
export type {
  ChainedStatement,
  DeviceFacts,
  Trust,
  TrustAnchor,
  VerifiedStatement,
} from './attestation/index.ts'
export { verifyAuthentication } from './authentication.ts'
export type { StoredCredential, VerifiedAuthentication } from './authentication.ts'
export type { ExpectedCeremony } from './ceremony.ts'
export { challengeOf } from './client-data.ts'
export { coseAlgorithms, knownAlgorithmNames, knownAlgorithms } from './cose-key.ts'
export type { CoseAlgorithm, CoseAlgorithmName } from './cose-key.ts'
export { rejectAssertion, webauthnErrors } from './errors.ts'
export { creationOptions, requestOptions } from './options.ts'
export type {
  AttestationConveyance,
  CredentialHint,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialDescriptorJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from './options.ts'
export { verifyRegistration } from './registration.ts'
export type { VerifiedRegistration } from './registration.ts'
export { verifyStoredAttestation } from './stored-attestation.ts'
export type { StoredAttestation } from './stored-attestation.ts'
export { parseAuthenticationResponse, parseRegistrationResponse } from './response.ts'
export type {
  AuthenticationResponse,
  AuthenticationResponseJSON,
  RegistrationResponse,
  RegistrationResponseJSON,
} from './response.ts'

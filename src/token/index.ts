/**
 * Signed tokens: the keys our issuer signs with, and everything that decides whether a token or a
 * DPoP proof somebody sent is genuine.
 *
 * Guarantees: an algorithm is fixed per key and never chosen by a token; kinds of tokens cannot stand
 * in for each other; a missing or malformed claim is a refusal; a key, issuer or store that cannot
 * answer means no; nothing in a token causes a request to the network except an unknown key id of a
 * configured issuer, at most every 30 s; damaged keys are never replaced.
 *
 * Does not: issue access tokens (the OpenID provider does, with these keys), know of revoked sessions,
 * decide what a subject may do, or store used proofs (the port is `ProofReplays`).
 *
 * Specifications: RFC 7515, 7517, 7518, 7519, 7638, 8037, 9068 (access tokens), 9449 (DPoP), 6750, 9470
 * and 9728 (challenges), OpenID Connect Discovery 1.0.
 */
export { AccessTokenVerifier } from './access-token.ts'
export type { AccessTokenRules } from './access-token.ts'
export { AssertionMinter, assertionLifetimeSeconds, assertionType } from './assertion/minter.ts'
export type { AssertionSubject, Minted } from './assertion/minter.ts'
export {
  checkBinding,
  checkCertificate,
  checkDpopProof,
  proofAlgorithms,
  proofWindow,
  takeProof,
} from './dpop.ts'
export type { CheckedProof, DpopProofInput, ProofReplays } from './dpop.ts'
export { tokenErrors } from './errors.ts'
export { ExternalTokenVerifier } from './external-issuer.ts'
export type { ExternalTokenRules } from './external-issuer.ts'
export { defaultKeyTimes, IssuerKeys } from './issuer-keys.ts'
export type { IssuerKeysOptions } from './issuer-keys.ts'
export type { FetchGuards } from './guarded-fetch.ts'
export { importPublicJwk, jwkThumbprint, parsePublicJwk } from './jwk.ts'
export type { PublicJwk } from './jwk.ts'
export { isJwsAlgorithm, parseJws, parseJwsClaims, signJws, verifyJws } from './jws.ts'
export type { JwsAlgorithm, ParsedJws } from './jws.ts'
export type { SigningAlgorithm } from './key-file.ts'
export { KeyRing } from './key-ring.ts'
export type { JwkSet, KeyRecord, KeyRingOptions, SigningKey } from './key-ring.ts'
export { MemoryProofReplays } from './memory-replays.ts'
export { longestToken } from './token-verifier.ts'
export type { TokenVerifier } from './token-verifier.ts'
export type { VerificationKeys } from './verification-keys.ts'
export { longestPlain } from './verified-token.ts'
export type { VerifiedAccessToken, VerifiedToken } from './verified-token.ts'
export { challenges, stepUpChallenge } from './www-authenticate.ts'
export type { ChallengeContext, TokenScheme } from './www-authenticate.ts'

/**
 * The issuer: the certified `oidc-provider` library behind our storage, sessions, claims and pages.
 * Authorization code with PKCE, device grant, rotating refresh tokens, DPoP, PAR, JWT access tokens
 * (RFC 9068) for one API each. It guarantees that one-time objects are redeemed once, that a token names
 * a live session, and that no token leaves before its issue is on record.
 */
export {
  clientMetadata,
  commandLineClient,
  commandLineClientId,
  invokeScope,
  isFirstParty,
} from './clients.ts'
export type { ClientDeclaration } from './clients.ts'
export { assuranceClaims, profileClaims } from './claims.ts'
export { Grants } from './grants.ts'
export { issuerOnDemand } from './issuer-on-demand.ts'
export type { Issuer } from './issuer-on-demand.ts'
export { prefillUserCode } from './issuer-pages.ts'
export type { IssuerPages } from './issuer-pages.ts'
export type { Audience, IssuerParts, IssuerSettings, TokenIssued } from './issuer.ts'
export { freshCeremonyReasons } from './prompt-reasons.ts'
export type { CurrentSession } from './policy.ts'
export type { GrantLink, GrantLinkStore, ProviderObject, ProviderObjectStore } from './store.ts'

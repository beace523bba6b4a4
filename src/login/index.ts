/**
 * Signing in at the identity origin: the ceremonies' endpoints, the pages around them, the account page,
 * consent, device approval and the hand-off to API hosts. It guarantees that a challenge is taken before
 * an answer to it is verified, that every ceremony is on record, and that nothing here changes state on
 * GET. The verification itself is webauthn's, tokens are oidc's.
 */
export { bothRules } from './authenticator-rules.ts'
export type { AuthenticatorPolicy, AuthenticatorRules } from './authenticator-rules.ts'
export { Ceremonies } from './ceremonies/ceremonies.ts'
export type { Authenticated } from './ceremonies/authentication.ts'
export { ceremonyLifetime } from './ceremonies/parts.ts'
export type { Caller, CeremonyParts, RelyingParty } from './ceremonies/parts.ts'
export type { Registered } from './ceremonies/registration.ts'
export { Fleet } from './fleet/fleet.ts'
export type { FleetParts } from './fleet/fleet.ts'
export type { FleetAct } from './fleet/consequences.ts'
export type { FleetRow, FleetState } from './fleet/report.ts'
export { loginErrors } from './errors.ts'
export { comparableSerial } from './makers.ts'
export type { Ceremony, CeremonyPurpose, CeremonyStore } from './store.ts'
export { IdentitySurface } from './surface.ts'
export type { IdentityParts, IdentitySettings } from './surface-parts.ts'
export { UserCodeTries } from './user-code-tries.ts'
export { describeScopes } from './scopes.ts'

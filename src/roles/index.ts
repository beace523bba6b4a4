/**
 * Roles: what somebody may do because of what their credential, their groups or their issuer prove, and as
 * long as it is so. A role has a trust policy, by the language of `policy`; whoever it allows takes the role,
 * or holds it without taking it.
 *
 * Guarantees: a role counts for no request that its trust policy does not allow, and a trust policy that
 * cannot be evaluated allows nobody; what denies somebody denies them in every role; the boundary of a person
 * bounds their roles; a credential that is for some roles is for nothing else. What does not change between
 * the requests of a token is decided once.
 *
 * Does not: know who is asking, or issue tokens for a role.
 */
export { holds, holdsEver, trustRequest } from './holding.ts'
export type { Candidate, Taking } from './holding.ts'
export { noMandate } from './mandate.ts'
export type { Mandate, Pending } from './mandate.ts'
export { Mandates } from './mandates.ts'
export type { Attached, Holder, Restriction, Taken, Way } from './mandates.ts'
export { checkSessionPolicy } from './session-policy.ts'
export { roleArn, roleSessionArn } from './role.ts'
export type { Role } from './role.ts'

/**
 * Several targets behind what looks like one pool: which of them gets a request, which is left out and for how
 * long, and what is tried again at another.
 *
 * Guarantees: what may have had an effect is never sent twice; tries stay within their budget, and so does the
 * share of targets that are left out; a target that returns gets one request before it gets more; with no target
 * to use the answer is there at once.
 *
 * Does not: speak a protocol, open connections or judge addresses, which is for `upstream`.
 */
export { BalancedUpstream } from './balanced-upstream.ts'
export type { BalancedOptions } from './balanced-upstream.ts'
export type { Balance } from './balancer.ts'
export type { HealthOptions } from './health-check.ts'
export type { TargetOptions } from './member.ts'
export type { EjectionOptions } from './roster.ts'

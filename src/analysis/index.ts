/**
 * Questions about who may do what that no single request answers: who can call a route, what a person can call.
 *
 * Guarantees: asked of the same compiled policies, and by the same rules, as requests; answers err on the side
 * of *may*, so that whoever is not named cannot. What an answer depends on comes with it.
 *
 * Does not: change anything, or ask a service.
 */
export { whatCan, whoCan } from './reach.ts'
export type { Caller, Callers, Reach, ReachedCaller, ReachedRoute, Reason } from './reach.ts'

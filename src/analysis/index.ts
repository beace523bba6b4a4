/**
 * Questions about who may do what, without a request: how one would be answered and why, who can call a route,
 * what a person can call, what another configuration would have decided, which policies would have been enough,
 * whether everything is answered as it is expected to be.
 *
 * Guarantees: asked of the same compiled policies, and by the same rules, as requests; answers err on the side
 * of *may*, so that whoever is not named cannot. What an answer depends on comes with it.
 *
 * Does not: change anything, or ask a service.
 */
export { answersTo, answerText, differs, expectationText, isAsExpected } from './expectations.ts'
export type { Expectation, Found, TestedCall } from './expectations.ts'
export type { AccessView, ViewedApi, ViewedRoute } from './explain/access-view.ts'
export { explainRequest } from './explain/explain.ts'
export type { Explanation } from './explain/explain.ts'
export type { SupposedFacts, Supposition } from './explain/supposition.ts'
export { whatCan, whoCan } from './reach.ts'
export type { Caller, Callers, Reach, ReachedCaller, ReachedRoute, Reason } from './reach.ts'
export { replay } from './replay/replay.ts'
export type { Replaying, ReplayReport } from './replay/replay.ts'
export type { Setting } from './replay/side.ts'
export type { ChangeGroup } from './replay/tally.ts'
export type { StatementReport } from './suggest/draft.ts'
export { suggest } from './suggest/suggest.ts'
export type { Draft, Drafting, Subject, Suggestion } from './suggest/suggest.ts'

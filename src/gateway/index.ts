/**
 * The data plane: one listener, one pipeline. It guarantees that nothing is forwarded without a recorded
 * decision, that the path decided on is the path forwarded, that identity headers are ours alone, and
 * that what cannot be decided or recorded is refused. Ordered in `pipeline.ts`.
 */
export { ApiSessions } from './api-sessions.ts'
export { canonicalAuthority } from './authority.ts'
export { trustedProxies } from './client-address.ts'
export { contextOf } from './context.ts'
export { explainRequest } from './explain.ts'
export type { Explanation, SupposedRequest } from './explain.ts'
export { gatewayErrors } from './errors.ts'
export type { Completed, GatewayParts, GatewayTable } from './gateway.ts'
export { PublicListener } from './listener.ts'
export type { FindSurface, ListenerLimits, Surface } from './listener.ts'
export { Principals } from './principal.ts'
export type { PolicyDirectory, Principal } from './principal.ts'
export { RouteTree } from './route.ts'
export type { Api, Route, RouteAuthorizer, RouteSegment } from './route.ts'
export { parseTarget } from './target.ts'
export type { Target } from './target.ts'

/**
 * The data plane: one listener, one pipeline. It guarantees that nothing is forwarded without a recorded
 * decision, that the path decided on is the path forwarded, that identity headers are ours alone, and
 * that what cannot be decided or recorded is refused. Ordered in `pipeline.ts`.
 */
export type { FrontCounts, FrontSettings } from './arrive/front.ts'
export { ApiSessions } from './caller/api-sessions.ts'
export { canonicalAuthority } from './listen/authority.ts'
export { trustedProxies } from './listen/client-address.ts'
export { contextOf } from './caller/context.ts'
export { explainRequest } from './explain.ts'
export type { Explanation, SupposedRequest } from './explain.ts'
export { gatewayErrors } from './errors.ts'
export type { Completed, GatewayParts, GatewayTable } from './gateway.ts'
export { PublicListener } from './listen/listener.ts'
export type { ListenerLimits } from './listen/listener.ts'
export type { FindSurface, Surface } from './listen/reception.ts'
export { Principals } from './caller/principal.ts'
export type { PolicyDirectory, Principal } from './caller/principal.ts'
export { RouteTree } from './route.ts'
export type { Api, Route, RouteAuthorizer, RouteSegment } from './route.ts'
export { Shedding } from './shed/shedding.ts'
export type { ShedLevel } from './shed/shedding.ts'
export { parseTarget } from './listen/target.ts'
export type { Target } from './listen/target.ts'

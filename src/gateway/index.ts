/**
 * The path of a request, whichever protocol brought it: one pipeline. It guarantees that nothing is forwarded
 * without a recorded decision, that the path decided on is the path forwarded (or the record names both), that
 * identity headers are ours alone, and that what cannot be decided or recorded is refused. Ordered in
 * `pipeline.ts`.
 */
export type { Cors } from './answer/cors.ts'
export { refuseMaintenance } from './answer/maintenance.ts'
export { isOwnPath } from './caller/api-session-routes.ts'
export { ApiSessions } from './caller/api-sessions.ts'
export { contextOf } from './caller/context.ts'
export { authorityFor, candidateOf } from './caller/decide-call.ts'
export type { DecidedCall } from './caller/decide-call.ts'
export { invoke, policyRequestOf } from './caller/policy-request.ts'
export type { Principal } from './caller/principal.ts'
export { Principals } from './caller/principals.ts'
export type { PolicyDirectory, SupposedSignIn } from './caller/principals.ts'
export { gatewayErrors } from './errors.ts'
export { Mirror } from './forward/mirror.ts'
export type { MirrorCounts } from './forward/mirror.ts'
export { Split } from './forward/split.ts'
export type { Destination } from './forward/split.ts'
export type { Completed, GatewayParts, GatewayTable } from './gateway.ts'
export { canonicalAuthority, findApi } from './incoming/authority.ts'
export { trustedProxies } from './incoming/client-address.ts'
export type { CallerRequest, CallerResponse, Incoming } from './incoming/incoming.ts'
export type { Life } from './incoming/life.ts'
export type { Peer } from './incoming/peer.ts'
export { Reception } from './incoming/reception.ts'
export type { FindSurface, Surface, SurfacePair } from './incoming/reception.ts'
export { isServedMethod } from './incoming/screen.ts'
export { originForm, parseTarget } from './incoming/target.ts'
export type { Target } from './incoming/target.ts'
export { LiveExchanges } from './live/live-exchanges.ts'
export { planOf } from './plan.ts'
export type { Planned } from './plan.ts'
export { usualDemand } from './proof/demanded.ts'
export { proofRooms } from './proof/room.ts'
export { foldName } from './rewrite/header-edits.ts'
export type { HeaderEdits } from './rewrite/header-edits.ts'
export { reservedNames } from './rewrite/query.ts'
export type { QueryEdits } from './rewrite/query.ts'
export { RouteTree } from './route.ts'
export type {
  Api,
  Route,
  RouteAuthorizer,
  RouteConditions,
  RouteSegment,
  Vouching,
} from './route.ts'
export { Shedding } from './shed/shedding.ts'
export type { ShedLevel, SheddingLimits } from './shed/shedding.ts'

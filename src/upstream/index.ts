/**
 * Pooled clients for services, made for forwarding: callbacks instead of streams and promises, one write
 * per small request, strict about what comes back. `Upstream` speaks HTTP/1.1, `http2/` HTTP/2, both of our
 * own.
 *
 * Guarantees: a response is whole or has failed, never silently cut; what two parsers could read
 * differently is malformed (RFC 9112, RFC 9113); a connection that did anything odd, or said anything
 * unasked, is not used again; only GET, HEAD and OPTIONS without a body are ever sent twice, once, when a
 * kept-alive connection died without a byte of answer, and besides them, over HTTP/2, what the service
 * says it has not begun with; what no byte of had left goes to another connection; every address is
 * judged when it is connected to, and it is that address that is connected to; queue, heads, trailers and
 * buffers are bounded.
 *
 * Does not: follow redirects, decode content, pipeline, limit the length of a body, or tell a TLS
 * connection that was cut from one that was closed when the body ends with the connection. An upstream
 * that answers ahead of a request it has not seen, at the very moment that request is written, cannot be
 * told from a fast one.
 */
export { isMetadataAddress, isPrivateAddress } from './address.ts'
export { passWhole } from './contract.ts'
export type {
  Exchange,
  OutgoingRequest,
  RequestFraming,
  ResponseHead,
  ResponseSink,
  TargetCondition,
  TargetState,
  UpgradeRequest,
  UpgradeSink,
  UpstreamFailure,
  UpstreamFailureKind,
  UpstreamOptions,
  UpstreamPool,
  UpstreamStats,
} from './contract.ts'
export { CommonLines } from './header-lines.ts'
export { refuseFailure, upstreamErrors } from './errors.ts'
export { isEventStream } from './event-stream.ts'
export { openOrigin } from './http2/open-origin.ts'
export { resolveChecked, systemResolver } from './resolve.ts'
export type { AddressVerdict, Resolver } from './resolve.ts'
export { Upstream } from './upstream.ts'

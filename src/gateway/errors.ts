import { defineErrors } from '../core/index.ts'

export const gatewayErrors = defineErrors('gateway', {
  malformed: {
    status: 400,
    title: 'The request is malformed',
    fault: 'caller',
    doc: 'The request breaks HTTP/1.1 or could be read in two ways: two `Host` or `Authorization` lines, unusual framing, a control character.',
  },
  ambiguous_path: {
    status: 400,
    title: 'The path could be read in more than one way',
    fault: 'caller',
    doc: 'The path holds dot segments, empty segments, an encoded slash or backslash, or a control character. Send the plain path.',
  },
  target_too_long: {
    status: 414,
    title: 'The request target is too long',
    fault: 'caller',
    doc: 'The request target is longer than 8 KiB.',
  },
  method_not_supported: {
    status: 405,
    title: 'This method is not served',
    fault: 'caller',
    doc: '`CONNECT`, `TRACE` and unknown methods are never forwarded.',
  },
  expectation_failed: {
    status: 417,
    title: 'This expectation cannot be met',
    fault: 'caller',
    doc: 'The `Expect` header holds something other than `100-continue`.',
  },
  headers_too_large: {
    status: 431,
    title: 'The request header is too large',
    fault: 'caller',
    doc: 'More header lines or bytes than `limits.headerCount` and `limits.headerBytes` allow.',
  },
  body_too_large: {
    status: 413,
    title: 'The request body is too large',
    fault: 'caller',
    doc: 'The body is larger than the `maxBody` of the route.',
  },
  request_timeout: {
    status: 408,
    title: 'The request took too long to arrive',
    fault: 'caller',
    doc: 'The header or the body arrived more slowly than `limits` allow.',
  },
  unknown_host: {
    status: 421,
    title: 'This host is not served here',
    fault: 'caller',
    doc: 'The `Host` header names no configured API or page. Check the address, or add the host to an API.',
  },
  no_route: {
    status: 404,
    title: 'There is no such route',
    fault: 'caller',
    doc: 'No route of the API has this method and path. `proofgate explain METHOD URL` shows what is configured.',
  },
  unauthenticated: {
    status: 401,
    title: 'Sign in first',
    fault: 'caller',
    doc: 'The route needs a caller who is known: a bearer or DPoP token, or a browser session. `proofgate login` gets a token.',
  },
  two_credentials: {
    status: 400,
    title: 'The request carries two credentials',
    fault: 'caller',
    doc: 'A request has either an `Authorization` header or a session cookie of the API host, never both.',
  },
  session_ended: {
    status: 401,
    title: 'Your session has ended',
    fault: 'caller',
    doc: 'The session was ended, its passkey removed or the person disabled. Sign in again.',
  },
  cross_site: {
    status: 403,
    title: 'This request did not come from this site',
    fault: 'caller',
    doc: 'A request that changes something came with a browser session but from another site, or without saying from where.',
  },
  sign_in_not_continued: {
    status: 400,
    title: 'This sign-in cannot be continued',
    fault: 'caller',
    doc: 'The ticket from the sign-in page is used, expired, or belongs to another browser. Open the address again.',
  },
  not_a_websocket_route: {
    status: 400,
    title: 'This route does not take WebSocket connections',
    fault: 'caller',
    doc: 'Set `websocket: true` on the route to allow upgrades.',
  },
  evidence_unavailable: {
    status: 503,
    title: 'Proofgate cannot answer right now',
    fault: 'proofgate',
    doc: 'The decision could not be made or recorded (audit log, store or revocation list), so the request was not forwarded.',
  },
  overloaded: {
    status: 503,
    title: 'Proofgate has more to do than it can',
    fault: 'operator',
    doc: 'The process runs late, is short of memory, or has `limits.inFlight` requests under way (`limits.shedding`). Routes with a low `priority` are refused first. Send the request again after `Retry-After`.',
  },
  draining: {
    status: 503,
    title: 'Proofgate is shutting down',
    fault: 'proofgate',
    doc: 'The process takes no new requests. Send it again; another process or the next start answers.',
  },
  internal: {
    status: 500,
    title: 'Something went wrong inside Proofgate',
    fault: 'proofgate',
    doc: 'A defect. The request id leads to the log entry that names it; please report it.',
  },
})

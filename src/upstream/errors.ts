import { defineErrors, toSeconds } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import type { UpstreamFailure } from './contract.ts'

const unreachable = 'The service behind this gateway cannot be reached'
const invalid = 'The service behind this gateway gave an invalid answer'
const late = 'The service behind this gateway did not answer in time'

/** What a caller is told when an upstream failed before it answered. */
export const upstreamErrors = defineErrors('upstream', {
  connect_refused: {
    status: 502,
    title: unreachable,
    fault: 'upstream',
    doc: 'No address of the upstream accepted a connection. Check that it runs and listens there.',
  },
  connect_timeout: {
    status: 504,
    title: late,
    fault: 'upstream',
    doc: 'No connection to the upstream within its connect time-out.',
  },
  address_forbidden: {
    status: 502,
    title: unreachable,
    fault: 'operator',
    doc: 'The upstream name leads to an internal address, which its configuration does not allow.',
  },
  name_not_found: {
    status: 502,
    title: unreachable,
    fault: 'operator',
    doc: 'The upstream name has no address. Check its spelling and the resolver.',
  },
  tls: {
    status: 502,
    title: unreachable,
    fault: 'operator',
    doc: 'The TLS handshake with the upstream failed. Check its certificate, its name and the authority.',
  },
  headers_timeout: {
    status: 504,
    title: late,
    fault: 'upstream',
    doc: 'The upstream took the request and sent no response head within the header time-out.',
  },
  idle_timeout: {
    status: 504,
    title: late,
    fault: 'upstream',
    doc: 'The upstream neither read nor sent anything for the idle time-out.',
  },
  total_timeout: {
    status: 504,
    title: late,
    fault: 'upstream',
    doc: 'The exchange with the upstream was not over within its total time-out.',
  },
  reset: {
    status: 502,
    title: invalid,
    fault: 'upstream',
    doc: 'The upstream closed the connection before its response was complete.',
  },
  malformed: {
    status: 502,
    title: invalid,
    fault: 'upstream',
    doc: 'The response of the upstream is not valid HTTP/1.1, or could be read in two ways.',
  },
  too_large: {
    status: 502,
    title: invalid,
    fault: 'upstream',
    doc: 'The response head or trailer section of the upstream is over the bound.',
  },
  request_too_large: {
    status: 431,
    title: 'The request header is too large for the service behind this gateway',
    fault: 'caller',
    doc: 'The header section is larger than the upstream says it takes over HTTP/2 (`SETTINGS_MAX_HEADER_LIST_SIZE`), and nothing was sent to it; or the trailer section is, and the request was reset before its end.',
  },
  pool_exhausted: {
    status: 503,
    title: 'The service behind this gateway is busy',
    fault: 'upstream',
    doc: 'All connections to the upstream are in use and too many requests wait, or one waited too long.',
  },
  unavailable: {
    status: 503,
    title: 'The service behind this gateway is not available',
    fault: 'upstream',
    doc: 'No target of the upstream is healthy. `Retry-After` says when one is looked at next.',
  },
  aborted: {
    status: 502,
    title: unreachable,
    fault: 'proofgate',
    doc: 'The request was given up on our side: the upstream is being closed, or the body was cut.',
  },
})

/** The refusal for a failure that came before any response head. */
export function refuseFailure(failure: UpstreamFailure): Refusal {
  const { kind, detail, retryAfter } = failure
  if (retryAfter === undefined) return upstreamErrors.refuse(kind, detail)
  return upstreamErrors.refuse(kind, detail, { 'retry-after': String(toSeconds(retryAfter)) })
}

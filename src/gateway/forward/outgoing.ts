import { evidenceHeader, forwardedEvidence } from '../../proof/index.ts'
import type { OutgoingRequest, RequestFraming } from '../../upstream/index.ts'
import { editHeaders } from '../rewrite/header-edits.ts'
import type { Admitted } from '../stages.ts'
import { pushOwn, recurringHeaders } from './headers.ts'
import type { ForwardedFacts } from './headers.ts'
import { commonLines } from './recurring.ts'
import type { Destination } from './split.ts'

/**
 * What is sent: the canonical target that was decided on, byte for byte, or the one that the route rewrites
 * it to, which is in the record of the decision.
 *
 * @param copyFor - the service a copy goes to; without it the request goes where it was admitted to.
 */
export function outgoingRequest<Framing extends RequestFraming>(
  admitted: Admitted,
  framing: Framing,
  copyFor?: Destination,
): OutgoingRequest & { readonly framing: Framing } {
  const { incoming, route } = admitted.routed
  const { target, destination } = admitted
  const isOpen = route.authorizer.kind === 'open'
  const facts = factsFor(admitted, copyFor ?? destination, isOpen && copyFor === undefined)
  const isEdited = route.headers?.request !== undefined
  const common = isEdited || copyFor !== undefined ? undefined : commonLines(incoming, facts)
  const headers = common === undefined ? recurringHeaders(incoming, facts) : []
  pushOwn(headers, incoming, facts)
  if (route.headers?.request !== undefined) {
    editHeaders(headers, route.headers.request, admitted.facts)
  }
  addEvidence(headers, admitted, copyFor)
  return {
    method: incoming.method,
    target: target.query === '' ? target.path : `${target.path}?${target.query}`,
    headers,
    common,
    framing,
    acceptsTrailers: incoming.request.headers['te'] === 'trailers',
    caller: isOpen ? incoming.address : admitted.principal.key,
    headersTimeout: route.timeout,
    totalTimeout: route.totalTimeout,
    // An event stream may say nothing for long, and goes on for as long as both sides want.
    acceptsEvents: (incoming.request.headers.accept ?? '').includes('text/event-stream'),
    // Invariant: a proof lets one request through, so what may have arrived is not sent again.
    once: admitted.proven !== undefined,
  }
}

function factsFor(
  { principal, routed: { incoming, api, route, table } }: Admitted,
  to: Destination,
  keepsCredential: boolean,
): ForwardedFacts {
  const isOpen = route.authorizer.kind === 'open'
  return {
    upstreamAuthority: to.upstreamAuthority,
    origin: { scheme: api.secure ? 'https' : 'http', authority: incoming.authority },
    writesForwarded: to.writesForwarded,
    assertion: isOpen ? undefined : table.minter.mint(principal, to.upstreamName),
    keepsCredential,
  }
}

/** For services that verify the touches themselves, where the route says so. */
function addEvidence(
  headers: string[],
  { proven, routed }: Admitted,
  copyFor: Destination | undefined,
): void {
  if (proven === undefined || copyFor !== undefined) return
  const { boundProof } = routed.route
  if (boundProof?.forwardEvidence !== true) return
  headers.push(evidenceHeader, forwardedEvidence(proven.redeemed, boundProof.headers))
}

/** How a body that is there as a whole is delimited. */
export function framingOfBytes({ length }: Buffer): RequestFraming {
  return length === 0 ? { kind: 'none' } : { kind: 'length', length }
}

import { millis } from '../../core/index.ts'
import { fixedContextOf } from '../caller/fixed-facts.ts'
import { decideCall } from '../caller/decide-call.ts'
import type { DecidedCall } from '../caller/decide-call.ts'
import { changedProof, isBrowserSession, Principal } from '../caller/principal.ts'
import type { Principals } from '../caller/principals.ts'
import type { ProofDemand } from './demand.ts'

/** Beyond this nobody calls a proof fresh. Seconds. */
const longest = 86_400

/**
 * What touch would let a request through that the policies deny: the same evaluator is asked again with the
 * touch supposed to be fresher, then stronger.
 *
 * @param resource - the ARN of what is called.
 * @returns `undefined` when none would: then nobody is asked for one.
 */
export function freshnessFor(
  resource: string,
  call: DecidedCall,
  principal: Principal,
  principals: Pick<Principals, 'reconsidered'>,
): ProofDemand | undefined {
  if (principal.kind === 'anonymous') return undefined
  const allows = (seconds: number, acr: string | undefined): boolean => {
    const supposed = supposing(principal, { at: call.incoming.receivedAt - seconds * 1000, acr })
    const context = fixedContextOf(supposed.untaken)
    const decision = decideCall(resource, call, principals.reconsidered(supposed, context))
    return decision.effect === 'allow'
  }
  // How classes of other issuers compare is not ours to say.
  const classes = principal.kind === 'person' ? [principal.acr, 'phr', 'phrh'] : [principal.acr]
  const acr = classes.find((one) => allows(0, one))
  if (acr === undefined && !allows(0, undefined)) return undefined
  const stronger = acr === principal.acr ? undefined : acr
  if (stronger !== undefined && allows(longest, acr)) return { maxAge: undefined, acr: stronger }
  const seconds = oldestOf((one) => allows(one, acr))
  return { maxAge: millis(Math.max(1, seconds) * 1000), acr: stronger }
}

/** The greatest age that is young enough, where the youngest is. */
function oldestOf(isYoung: (seconds: number) => boolean): number {
  let [young, old] = [0, longest]
  while (old - young > 1) {
    const middle = Math.floor((young + old) / 2)
    if (isYoung(middle)) young = middle
    else old = middle
  }
  return young
}

/** A browser session is touched again; a token is had again, by signing in. */
function supposing(
  principal: Principal,
  { at, acr }: { readonly at: number; readonly acr: string | undefined },
): Principal {
  const moved = isBrowserSession(principal) ? { provedAt: at } : { authTime: at }
  const proof = changedProof(principal.proof, { ...moved, acr })
  return new Principal(principal.standing, principal, proof)
}

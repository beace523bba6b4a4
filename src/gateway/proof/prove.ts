import { isRefusal, randomId } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import type { Decision } from '../../policy/index.ts'
import {
  parseProofHeader,
  proofErrors,
  proofHeader,
  recordedEvidence,
  requestDigest,
} from '../../proof/index.ts'
import type {
  BoundHeader,
  Holder,
  NamedProof,
  ProofRecord,
  RedeemedProof,
} from '../../proof/index.ts'
import { standsRevoked } from '../caller/authenticate.ts'
import { decideCall } from '../caller/decide-call.ts'
import { resourceOf } from '../caller/policy-request.ts'
import type { Principal } from '../caller/principal.ts'
import type { GatewayParts } from '../gateway.ts'
import type { Incoming } from '../incoming/incoming.ts'
import { whereOf, whoOf } from '../record.ts'
import { decisionRefusal } from '../refusal.ts'
import type { Progress, Routed, Unproved } from '../stages.ts'
import { askForProof, described, recordAsked } from './ask.ts'
import { authorityOf, boundHeadersOf, holderOf, printTarget, sentenceFor } from './binding.ts'
import { readWhole } from './body.ts'
import { factsOfEvidence } from './facts.ts'
import type { ProofFacts } from './facts.ts'
import { provedByBrowser } from './page.ts'

/** A request with the proof that was used for it, and the bytes that the proof is about. */
class Proven {
  readonly #made = true
  readonly routed: Routed
  readonly principal: Principal
  readonly decision: Decision
  readonly redeemed: RedeemedProof
  /** What is forwarded: the bytes that were hashed. */
  readonly body: Buffer
  readonly facts: ProofFacts

  constructor(
    unproved: Unproved,
    proof: { redeemed: RedeemedProof; body: Buffer; facts: ProofFacts; decision: Decision },
  ) {
    this.routed = unproved.routed
    this.principal = unproved.principal
    this.decision = proof.decision
    this.redeemed = proof.redeemed
    this.body = proof.body
    this.facts = proof.facts
  }

  get proven(): this {
    return this
  }

  static isMade(value: Proven): boolean {
    return value.#made
  }
}

export type { Proven }

/**
 * Uses the proof that a request names, or asks for one. The body is read to its end first, so that what was
 * hashed is what is forwarded.
 *
 * Invariant: a proof is used only for what the policies let through with it, and only by the request that
 * is forwarded next. A denial uses nothing up.
 */
export async function prove(
  unproved: Unproved,
  parts: GatewayParts,
  progress: Progress,
): Promise<Proven | Refusal> {
  const { routed, principal, demanded } = unproved
  const { incoming } = routed
  const named = namedBy(incoming)
  if (isRefusal(named)) return named
  const headers = boundHeadersOf(incoming.request, demanded.demand)
  if (isRefusal(headers)) return headers
  const holder = holderOf(principal, incoming.request)
  if (named !== undefined) {
    progress.proof = named.id
    const refused = await foresee(unproved, parts, { named, holder })
    if (refused !== undefined) return refused
  }
  const maxBody = Math.min(demanded.demand.maxBody, routed.route.maxBody)
  const body = await readWhole(incoming, { maxBody, room: parts.proofRooms.bodies })
  if (isRefusal(body)) return body
  const bound = { unproved, holder, body, digest: digestOf(routed, headers, body) }
  if (named !== undefined) return redeem({ ...bound, named }, parts, progress)
  const { api } = routed
  const record = await provedByBrowser(incoming, { ...bound, api }, parts)
  if (record?.state !== 'approved') return ask(bound, parts, progress, record)
  progress.proof = record.id
  const refused = await foresee(unproved, parts, { named: { id: record.id }, holder })
  return refused ?? redeem({ ...bound, named: { id: record.id } }, parts, progress)
}

interface Bound {
  readonly unproved: Unproved
  readonly holder: Holder
  readonly body: Buffer
  /** Of the request as it is bound. */
  readonly digest: string
}

/** Invariant: one line, or two readers could see two proofs. */
function namedBy({ request }: Incoming): NamedProof | Refusal | undefined {
  let value: string | undefined
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    if (request.rawHeaders[at]?.toLowerCase() !== proofHeader) continue
    if (value !== undefined) return proofErrors.refuse('malformed', 'two lines')
    value = request.rawHeaders[at + 1] ?? ''
  }
  return value === undefined ? undefined : parseProofHeader(value)
}

/** What speaks against the proof before it is taken, by the touches there are. */
async function foresee(
  unproved: Unproved,
  parts: GatewayParts,
  { named, holder }: { named: Pick<NamedProof, 'id' | 'assertion'>; holder: Holder },
): Promise<Refusal | undefined> {
  const { mandates } = unproved.routed.table.principals
  // Invariant: a passkey that is for some roles only does not speak for its owner.
  if (mandates.restrictionOf(named.assertion?.credentialId) !== undefined) {
    return proofErrors.refuse('not_an_approver', 'a passkey for some roles only')
  }
  const record = await parts.proofs.peek(named.id, holder)
  if (record === undefined) return proofErrors.refuse('unknown')
  if (record.state === 'pending' && named.assertion === undefined) {
    return record.expiresAt <= parts.clock.now()
      ? proofErrors.refuse('expired')
      : proofErrors.refuse('pending')
  }
  const { routed, principal } = unproved
  const now = routed.incoming.receivedAt
  const decision = decideWith(unproved, factsOfEvidence(record.approvals, principal.key, now))
  return decision.effect === 'allow' ? undefined : decisionRefusal(decision)
}

function decideWith({ routed, principal }: Unproved, proof: ProofFacts): Decision {
  const { incoming, api, route, target } = routed
  return decideCall(resourceOf(routed), { incoming, api, route, target, proof }, principal)
}

function digestOf(routed: Routed, headers: readonly BoundHeader[], body: Buffer): string {
  return requestDigest({
    method: routed.incoming.method,
    authority: authorityOf(routed.api),
    target: printTarget(routed.target),
    headers,
    content: body,
  })
}

/** @param waiting - what this browser was asked for already, at the same address. */
async function ask(
  { unproved, holder, body, digest }: Bound,
  parts: GatewayParts,
  progress: Progress,
  waiting: ProofRecord | undefined,
): Promise<Refusal> {
  const { routed, principal, demanded } = unproved
  const { table, api, route, target, incoming } = routed
  const sentence = sentenceFor(demanded.demand, { api, route, target, incoming, body })
  if (isRefusal(sentence)) return sentence
  const { method, address } = incoming
  const asking = { table, api, method, target, address, principal, holder, demanded, sentence }
  const asked =
    waiting === undefined
      ? await askForProof({ ...asking, request: digest }, parts)
      : described({ ...waiting, keys: [] }, asking)
  if (isRefusal(asked)) return asked
  if (waiting === undefined) await recordAsked(asked, { ...asking, route, incoming }, parts)
  progress.proof = asked.id
  progress.asked = asked
  return proofErrors.refuse('required')
}

async function redeem(
  bound: Bound & { named: NamedProof },
  parts: GatewayParts,
  progress: Progress,
): Promise<Proven | Refusal> {
  const { unproved, named, holder, body, digest } = bound
  const { routed, principal, demanded } = unproved
  // The body may have taken its time.
  const ended = standsRevoked(parts, principal)
  if (ended !== undefined) return ended
  if (routed.incoming.life.isOver) return proofErrors.refuse('pending', 'the caller went away')
  const redeemed = await parts.proofs.redeem({
    id: named.id,
    holder,
    request: digest,
    audience: routed.api.audience,
    configuration: parts.table().rulesVersion,
    decision: demanded.binding,
    assertion: named.assertion,
  })
  if (isRefusal(redeemed)) {
    if (isSuspicion(redeemed)) await recordSuspicion(redeemed, bound, parts)
    return ofProof(redeemed)
  }
  if (named.assertion !== undefined) await recordTouch(redeemed, unproved, parts)
  const facts = factsOfEvidence(redeemed.evidence, principal.key, routed.incoming.receivedAt)
  const decision = decideWith(unproved, facts)
  progress.decision = decision
  if (decision.effect !== 'allow') return decisionRefusal(decision)
  return new Proven(unproved, { redeemed, body, facts, decision })
}

/** A touch that is no good is not a sign-in that failed. */
function ofProof(refusal: Refusal): Refusal {
  const { code, detail } = refusal
  return code.startsWith('proof.') ? refusal : proofErrors.refuse('withdrawn', detail ?? code)
}

function isSuspicion({ code }: Refusal): boolean {
  return code === 'proof.clone_suspected'
}

/** One event to whoever watches for it, wherever the touch came in. */
async function recordSuspicion(
  { code, detail }: Refusal,
  { unproved: { routed, principal }, named }: Bound & { named: NamedProof },
  parts: GatewayParts,
): Promise<void> {
  const credential = named.assertion?.credentialId
  await parts.audit.append({
    id: randomId(),
    kind: 'ceremony',
    action: 'authenticator_clone_suspected',
    outcome: 'failure',
    reason: code,
    ...(detail === undefined ? {} : { detail }),
    who: { ...whoOf(principal), ...(credential === undefined ? {} : { credential }) },
    where: whereOf(routed.incoming),
    what: { proof: named.id },
  })
}

/** A touch that came with the request is recorded here; those on pages were recorded there. */
async function recordTouch(
  { id, statementText, evidence }: RedeemedProof,
  { routed: { incoming }, principal }: Unproved,
  parts: GatewayParts,
): Promise<void> {
  const touch = evidence.at(-1)
  if (touch === undefined) return
  await parts.audit.append({
    id: randomId(),
    kind: 'ceremony',
    action: 'proof.approve',
    outcome: 'success',
    reason: 'proof.approve.verified',
    who: { ...whoOf(principal), credential: touch.credentialId },
    where: whereOf(incoming),
    what: recordedEvidence({ id, statement: statementText }, touch),
  })
}

import { isRefusal, parseBase64url, randomId, toBase64url } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import { challengeFor } from '../../proof/index.ts'
import type { Holder, OpenedProof } from '../../proof/index.ts'
import type { SessionId } from '../../session/index.ts'
import { isBrowserSession } from '../caller/principal.ts'
import type { Principal } from '../caller/principal.ts'
import type { GatewayParts, GatewayTable } from '../gateway.ts'
import type { Incoming } from '../incoming/incoming.ts'
import { whereOf, whoOf } from '../record.ts'
import type { Api, Route } from '../route.ts'
import { authorityOf, printTarget } from './binding.ts'
import type { Target } from '../incoming/target.ts'
import type { Demanded } from './demanded.ts'

/** A proof that was asked for, as the caller is told of it. */
export interface AskedProof {
  readonly id: string
  readonly statement: string
  readonly sentence: string
  readonly nonce: string
  /** What a key of the caller signs, for an assertion that comes with the request. */
  readonly challenge: string
  readonly rpId: string
  /** Ids of the caller's keys, where the caller may approve. */
  readonly allowCredentials: readonly string[]
  /** Where people approve it. */
  readonly approval: string
  /** Where the caller sees what has become of it. */
  readonly status: string
  /** ISO 8601. */
  readonly expiresAt: string
}

/** What a 401 says of it in its header. Both values are of our own making, and hold no quotation mark. */
export function proofChallenge({ id, approval }: AskedProof): string {
  return `Proofgate-Proof id="${id}", approval="${approval}"`
}

/** The request that a proof is asked for. */
export interface Asking {
  readonly table: GatewayTable
  readonly api: Api
  readonly method: string
  readonly target: Target
  readonly address: string
  readonly principal: Principal
  readonly holder: Holder
  readonly demanded: Demanded
  /** Digest of its canonical form. */
  readonly request: string
  readonly sentence: string
}

type AskingParts = Pick<GatewayParts, 'proofs' | 'sessions'>

/** Asks for a proof of one request. A refusal when nobody could give it, or too many wait. */
export async function askForProof(
  asking: Asking,
  parts: AskingParts,
): Promise<AskedProof | Refusal> {
  const { table, api, principal, holder, demanded, sentence } = asking
  const { approvers, validFor } = demanded.demand
  const opened = await parts.proofs.open({
    holder,
    browserSession: await browserSessionOf(principal, parts),
    validFor,
    statement: {
      request: asking.request,
      method: asking.method,
      authority: authorityOf(api),
      target: printTarget(asking.target),
      sentence,
      audience: api.audience,
      subject: principal.key,
      name: principal.username ?? principal.subject,
      client: principal.clientId ?? '',
      address: asking.address,
      configuration: table.rulesVersion,
      decision: demanded.binding,
      approvers,
    },
  })
  return isRefusal(opened) ? opened : described(opened, asking)
}

/** It is on record by itself, besides the request that led to it, for those who are told of such things. */
export async function recordAsked(
  { id, sentence, approval }: AskedProof,
  { api, route, method, target, principal, incoming }: AskedAbout,
  parts: Pick<GatewayParts, 'audit'>,
): Promise<void> {
  await parts.audit.append({
    id: randomId(),
    kind: 'ceremony',
    action: 'proof.ask',
    outcome: 'success',
    reason: 'proof.ask.done',
    who: whoOf(principal),
    where: whereOf(incoming),
    what: {
      api: api.name,
      approval,
      method,
      path: target.path,
      proof: id,
      route: route.id,
      sentence,
    },
  })
}

interface AskedAbout extends Pick<Asking, 'api' | 'method' | 'target' | 'principal'> {
  readonly route: Route
  readonly incoming: Incoming
}

/** A proof in the words of its answer. */
export function described(
  opened: OpenedProof,
  { table, api, sentence }: Pick<Asking, 'table' | 'api' | 'sentence'>,
): AskedProof {
  const { id, statement, nonce, expiresAt, keys } = opened
  const bytes = parseBase64url(nonce) ?? new Uint8Array()
  return {
    id,
    sentence,
    statement,
    nonce,
    challenge: toBase64url(challengeFor(bytes, statement)),
    rpId: table.relyingPartyId,
    allowCredentials: keys,
    approval: `${table.identityBase}/approve/${id}`,
    status: `${api.origin}/.proofgate/proofs/${id}`,
    expiresAt: new Date(expiresAt).toISOString(),
  }
}

/** The browser session behind the one at the API's host, which is the one that pages are signed in by. */
async function browserSessionOf(
  principal: Principal,
  { sessions }: AskingParts,
): Promise<string | undefined> {
  const { session } = principal
  if (session === undefined || !isBrowserSession(principal)) return undefined
  return (await sessions.loadById(session as SessionId))?.parentId ?? session
}

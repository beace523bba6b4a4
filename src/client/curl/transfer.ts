import type { IncomingMessage } from 'node:http'
import { accessTo } from '../access.ts'
import type { Access } from '../access.ts'
import type { ClientContext } from '../context.ts'
import type { Demand } from '../sign-in/code.ts'
import { demandOf, stepUp } from '../sign-in/step-up.ts'
import { say, printable } from '../terminal.ts'
import { lookup, requesterOf } from '../transport.ts'
import { asksForApproval, readApproval, waitForApproval } from './approval.ts'
import type { AskedApproval, Approving } from './approval.ts'
import type { Body } from './body.ts'
import { transferFailure } from './exit.ts'
import type { Plan } from './plan.ts'

export interface TransferParts {
  readonly context: ClientContext
  readonly audience: string
  readonly verbose: boolean
  /** Whether the person is asked for what the API wants proved. */
  readonly stepsUp: boolean
  /** How a request is approved that the API wants a touch for; `undefined` when it is not. */
  readonly approval: Approving | undefined
}

/**
 * Sends the request with a token and a fresh proof. It is sent a second time when the API wants a nonce in
 * the proof (RFC 9449 9), when it no longer takes the token, when it wants a fresher or stronger sign-in
 * (RFC 9470), and when somebody has approved it, once for each reason.
 */
export async function transfer(plan: Plan, parts: TransferParts): Promise<IncomingMessage> {
  const attempt: Attempt = {
    access: await accessTo(parts.context, parts.audience),
    signal: limitOf(plan),
    parts,
  }
  const met = new Set<Complaint['kind']>()
  for (;;) {
    const answer = await send(plan, attempt)
    const next = canRepeat(plan.body) ? complaint(answer, parts) : undefined
    if (next === undefined || met.has(next.kind)) return answer
    // The proof of another token is none of this one's.
    if (next.kind === 'token' && attempt.approved !== undefined) return answer
    met.add(next.kind)
    await meet(next, answer, { plan, attempt, met })
    answer.destroy()
  }
}

/** Sees to it that the next attempt has what this one was refused for. */
async function meet(
  next: Complaint,
  answer: IncomingMessage,
  { plan, attempt, met }: { plan: Plan; attempt: Attempt; met: Set<Complaint['kind']> },
): Promise<void> {
  const { context, audience } = attempt.parts
  switch (next.kind) {
    case 'nonce':
      attempt.nonce = next.nonce
      return
    case 'token':
      attempt.access = await accessTo(context, audience, attempt.access.token)
      return
    case 'demand':
      await stepUp(context, next.demand, plan.url.host)
      attempt.access = await accessTo(context, audience)
      break
    case 'approval': {
      const asked = await readApproval(answer, { issuer: context.issuer, url: plan.url })
      if (endsSoon(attempt, asked) && !met.has('token')) {
        attempt.access = await accessTo(context, audience, attempt.access.token)
        met.add('token').delete('approval')
        return
      }
      await waitForApproval(asked, { context, access: attempt.access, ...next.approval })
      attempt.approved = asked.id
    }
  }
  // The time that people took is not the API's.
  attempt.signal = limitOf(plan)
}

/** An approval is good for one token: better a new one before anybody is asked. */
function endsSoon({ access, parts }: Attempt, { statement }: AskedApproval): boolean {
  const inTwoMinutes = parts.context.clock.now() + 120_000
  return access.expiresAt < Math.min(statement.expiresAt, inTwoMinutes)
}

function limitOf({ timeout }: Plan): AbortSignal | undefined {
  return timeout === undefined ? undefined : AbortSignal.timeout(timeout)
}

type Complaint =
  | { readonly kind: 'nonce'; readonly nonce: string }
  | { readonly kind: 'token' }
  | { readonly kind: 'approval'; readonly approval: Approving }
  | { readonly kind: 'demand'; readonly demand: Demand }

/** What a 401 asks for, if it is something that can be done here, and may. */
function complaint(
  answer: IncomingMessage,
  { approval, stepsUp }: TransferParts,
): Complaint | undefined {
  if (answer.statusCode !== 401) return undefined
  if (asksForApproval(answer)) {
    return approval === undefined ? undefined : { kind: 'approval', approval }
  }
  const demand = demandOf(answer)
  if (demand !== undefined) return stepsUp ? { kind: 'demand', demand } : undefined
  const challenge = answer.headers['www-authenticate'] ?? ''
  const nonce = answer.headers['dpop-nonce']
  if (/\berror="?use_dpop_nonce\b/i.test(challenge)) {
    return typeof nonce === 'string' ? { kind: 'nonce', nonce } : undefined
  }
  return /\berror="?invalid_token\b/i.test(challenge) ? { kind: 'token' } : undefined
}

interface Attempt {
  access: Access
  nonce?: string
  signal: AbortSignal | undefined
  /** Id of the proof that somebody approved. */
  approved?: string
  readonly parts: TransferParts
}

function send(plan: Plan, attempt: Attempt): Promise<IncomingMessage> {
  const { method, url, body } = plan
  const token = attempt.access.token.reveal()
  const proof = attempt.access.profile.key.prove({
    method,
    url,
    now: attempt.parts.context.clock.now(),
    accessToken: token,
    nonce: attempt.nonce,
  })
  const headers = wireHeaders(plan)
  if (attempt.approved !== undefined) headers['proofgate-proof'] = [`id="${attempt.approved}"`]
  if (attempt.parts.verbose) showRequest(plan, headers)
  return new Promise((resolve, reject) => {
    const outgoing = requesterOf(url)(url, {
      method,
      agent: false,
      lookup,
      headers: { ...headers, authorization: `DPoP ${token}`, dpop: proof },
      ...(attempt.signal === undefined ? {} : { signal: attempt.signal }),
    })
    outgoing.once('response', (answer: IncomingMessage) => {
      if (attempt.parts.verbose) showAnswer(answer)
      resolve(answer)
    })
    // After the response this changes nothing: its own stream then says how it ended.
    outgoing.on('error', (error) => reject(transferFailure(error, url)))
    // A redirect, an upgrade or an interim answer is never followed.
    outgoing.on('upgrade', (answer: IncomingMessage) => resolve(answer))
    sendBody(outgoing, body)
  })
}

function sendBody(
  outgoing: ReturnType<ReturnType<typeof requesterOf>>,
  body: Body | undefined,
): void {
  if (body === undefined || body.kind === 'bytes') {
    outgoing.end(body?.bytes)
    return
  }
  const source = body.open()
  source.on('error', (error) => outgoing.destroy(error))
  source.pipe(outgoing)
}

function canRepeat(body: Body | undefined): boolean {
  return body === undefined || body.kind === 'bytes' || body.repeatable
}

function wireHeaders({ headers, body }: Plan): Record<string, string[]> {
  const wire = Object.create(null) as Record<string, string[]>
  for (const { name, values } of headers.values()) wire[name] = [...values]
  const length = body?.kind === 'bytes' ? body.bytes.byteLength : body?.length
  if (length !== undefined && !headers.has('content-length')) {
    wire['content-length'] = [String(length)]
  }
  return wire
}

/** Invariant: what is shown holds neither the token nor the proof. */
function showRequest(plan: Plan, headers: Readonly<Record<string, readonly string[]>>): void {
  say(`> ${plan.method} ${plan.url.pathname}${plan.url.search} HTTP/1.1`)
  say(`> host: ${plan.url.host}`)
  for (const [name, values] of Object.entries(headers)) {
    for (const value of values) say(`> ${printable(`${name}: ${value}`, 4096)}`)
  }
  say('> authorization: DPoP [secret]')
  say('> dpop: [proof]')
  say('>')
}

function showAnswer(answer: IncomingMessage): void {
  for (const line of headLines(answer)) say(`< ${printable(line, 4096)}`)
  say('<')
}

/** Status line and headers, as they came. */
export function headLines(answer: IncomingMessage): readonly string[] {
  const status = `HTTP/${answer.httpVersion} ${answer.statusCode ?? 0} ${answer.statusMessage ?? ''}`
  const lines = [status.trimEnd()]
  for (let at = 0; at + 1 < answer.rawHeaders.length; at += 2) {
    lines.push(`${answer.rawHeaders[at] ?? ''}: ${answer.rawHeaders[at + 1] ?? ''}`)
  }
  return lines
}

import type { IncomingMessage } from 'node:http'
import { accessTo } from '../access.ts'
import type { Access } from '../access.ts'
import type { ClientContext } from '../context.ts'
import type { Demand } from '../sign-in/code.ts'
import { demandOf, stepUp } from '../sign-in/step-up.ts'
import { say, printable } from '../terminal.ts'
import { lookup, requesterOf } from '../transport.ts'
import type { Body } from './body.ts'
import { transferFailure } from './exit.ts'
import type { Plan } from './plan.ts'

export interface TransferParts {
  readonly context: ClientContext
  readonly audience: string
  readonly verbose: boolean
  /** Whether the person is asked for what the API wants proved. */
  readonly stepsUp: boolean
}

/**
 * Sends the request with a token and a fresh proof. It is sent a second time when the API wants a nonce in
 * the proof (RFC 9449 9), when it no longer takes the token, and when it wants a fresher or stronger sign-in
 * (RFC 9470), once for each reason.
 */
export async function transfer(plan: Plan, parts: TransferParts): Promise<IncomingMessage> {
  let signal = limitOf(plan)
  let access = await accessTo(parts.context, parts.audience)
  let nonce: string | undefined
  let refreshed = false
  let steppedUp = !parts.stepsUp
  for (;;) {
    const answer = await send(plan, { access, nonce, signal, parts })
    const next = canRepeat(plan.body) ? complaint(answer) : undefined
    if (next?.kind === 'nonce' && nonce === undefined) {
      nonce = next.nonce
    } else if (next?.kind === 'token' && !refreshed) {
      access = await accessTo(parts.context, parts.audience, access.token)
      refreshed = true
    } else if (next?.kind === 'demand' && !steppedUp) {
      steppedUp = true
      await stepUp(parts.context, next.demand, plan.url.host)
      access = await accessTo(parts.context, parts.audience)
      // The time that the person took is not the API's.
      signal = limitOf(plan)
    } else {
      return answer
    }
    answer.destroy()
  }
}

function limitOf({ timeout }: Plan): AbortSignal | undefined {
  return timeout === undefined ? undefined : AbortSignal.timeout(timeout)
}

type Complaint =
  | { readonly kind: 'nonce'; readonly nonce: string }
  | { readonly kind: 'token' }
  | { readonly kind: 'demand'; readonly demand: Demand }

/** What a 401 asks for, if it is something that can be done here. */
function complaint(answer: IncomingMessage): Complaint | undefined {
  if (answer.statusCode !== 401) return undefined
  const demand = demandOf(answer)
  if (demand !== undefined) return { kind: 'demand', demand }
  const challenge = answer.headers['www-authenticate'] ?? ''
  const nonce = answer.headers['dpop-nonce']
  if (/\berror="?use_dpop_nonce\b/i.test(challenge)) {
    return typeof nonce === 'string' ? { kind: 'nonce', nonce } : undefined
  }
  return /\berror="?invalid_token\b/i.test(challenge) ? { kind: 'token' } : undefined
}

interface Attempt {
  readonly access: Access
  readonly nonce: string | undefined
  readonly signal: AbortSignal | undefined
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

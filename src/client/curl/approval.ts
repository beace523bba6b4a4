import { setTimeout as sleep } from 'node:timers/promises'
import type { IncomingMessage } from 'node:http'
import { isJsonObject, ownProperty, parseJson } from '../../core/index.ts'
import type { Instant } from '../../core/index.ts'
import { parseStatement } from '../../proof/index.ts'
import type { Approvers, Statement } from '../../proof/index.ts'
import type { Access } from '../access.ts'
import { openBrowser } from '../browser.ts'
import type { ClientContext } from '../context.ts'
import { failure } from '../errors.ts'
import { printable, say } from '../terminal.ts'
import { exchange, parseAddress } from '../transport.ts'
import type { WireAnswer } from '../transport.ts'

const longestProblem = 64 * 1024
/** Seconds that the API may hold its answer back while nothing happens. */
const patience = 20
/** Milliseconds between two questions, where an answer came at once. */
const shortestRound = 1000
const idForm = /^[A-Za-z0-9_-]{22}$/

/** A proof that an API asks for before it takes a request. */
export interface AskedApproval {
  readonly id: string
  readonly statement: Statement
  /** Where people approve it: at the issuer that this sign-in is of. */
  readonly page: string
  /** Where the API says what has become of it. */
  readonly status: URL
}

/** Whether an answer asks for a proof that is bound to its request. */
export function asksForApproval(answer: Pick<IncomingMessage, 'headers' | 'statusCode'>): boolean {
  const challenge = answer.headers['www-authenticate'] ?? ''
  return answer.statusCode === 401 && /(?:^|,)\s*Proofgate-Proof\s+id="/i.test(challenge)
}

/**
 * Reads what the API asks for.
 *
 * Invariant: the page is at the issuer that the person signed in at, and what has become of the proof is
 * asked of the API itself, whatever addresses the answer names.
 */
export async function readApproval(
  answer: IncomingMessage,
  { issuer, url }: { issuer: string; url: URL },
): Promise<AskedApproval> {
  const problem = parseJson(await textOf(answer), { length: longestProblem, depth: 8 })
  const proof = isJsonObject(problem) ? ownProperty(problem, 'proof') : undefined
  const member = (name: string): string => {
    const value = isJsonObject(proof) ? ownProperty(proof, name) : undefined
    return typeof value === 'string' ? value : ''
  }
  const [id, page] = [member('id'), parseAddress(member('approval'))]
  const statement = parseStatement(member('statement'))
  if (!idForm.test(id) || statement?.id !== id || page === undefined) {
    throw failure('approval_unreadable', `${url.host} asks for an approval that cannot be read`)
  }
  const isOurs = page.origin === new URL(issuer).origin && page.pathname.endsWith(`/approve/${id}`)
  if (!isOurs) {
    const shown = printable(page.href)
    throw failure('approval_elsewhere', `${url.host} wants its approval given at ${shown}`)
  }
  return { id, statement, page: page.href, status: new URL(`/.proofgate/proofs/${id}`, url.origin) }
}

/** How people are asked. */
export interface Approving {
  readonly browser: boolean
  /** Milliseconds; without it until the proof expires. */
  readonly timeout: number | undefined
}

interface WaitingParts extends Approving {
  readonly context: Pick<ClientContext, 'clock'>
  /** What the request is sent with, too: nobody else is told of the proof, or may use it. */
  readonly access: Access
}

/** Shows what is asked for, and waits until it is approved; every other end is an error. */
export async function waitForApproval(asked: AskedApproval, parts: WaitingParts): Promise<void> {
  const { statement } = asked
  await invite(asked, parts.browser)
  const { clock } = parts.context
  const giveUpAt =
    parts.timeout === undefined ? Number.POSITIVE_INFINITY : clock.now() + parts.timeout
  let approvals = 0
  let nonce: string | undefined
  for (;;) {
    const startedAt = clock.now()
    const answer = await ask(asked, { parts, nonce, giveUpAt })
    nonce = wantedNonce(answer) ?? nonce
    const found = stateIn(answer)
    if (found !== undefined && found.state !== 'pending') return conclude(found.state)
    if (found !== undefined && found.approvals > approvals) {
      approvals = found.approvals
      say(`${approvals} approved so far.`)
    }
    refuseOver(answer, statement, { now: clock.now(), giveUpAt })
    await sleep(Math.max(0, startedAt + shortestRound - clock.now()))
  }
}

async function invite({ statement, page }: AskedApproval, browser: boolean): Promise<void> {
  const { approvers } = statement
  say(`${printable(statement.authority)} wants a touch of a key for this request alone:`)
  say('')
  say(`  ${printable(statement.sentence, 4000)}`)
  say('')
  const until = new Date(statement.expiresAt).toLocaleTimeString()
  say(`It takes ${needed(approvers)}, until ${until}, at:`)
  say('')
  say(`  ${page}`)
  say('')
  // Whoever is not asked would see a page that is not for them.
  const isShown = approvers.self && browser && (await openBrowser(page))
  if (!isShown) {
    const { renderUnicodeCompact } = await import('uqr')
    say(renderUnicodeCompact(page))
    say('')
  }
  say('Waiting (Ctrl-C ends this, and nothing is sent)...')
}

function needed({ self, others, groups }: Approvers): string {
  const people = others === 1 ? 'another person' : `${others} other people`
  const theirs = `${people} (${groups.map((group) => printable(group, 64)).join(', ')})`
  if (others === 0) return 'your touch'
  return self ? `your touch and that of ${theirs}` : `the touch of ${theirs}`
}

/** `undefined` where there was no answer this time. */
async function ask(
  { status }: AskedApproval,
  question: { parts: WaitingParts; nonce: string | undefined; giveUpAt: Instant },
): Promise<WireAnswer | undefined> {
  const { access, context } = question.parts
  const url = new URL(status)
  const left = Math.floor((question.giveUpAt - context.clock.now()) / 1000)
  url.searchParams.set('wait', String(Math.max(0, Math.min(patience, left))))
  const accessToken = access.token.reveal()
  const proof = access.profile.key.prove({
    method: 'GET',
    url,
    now: context.clock.now(),
    accessToken,
    nonce: question.nonce,
  })
  try {
    return await exchange({
      method: 'GET',
      url,
      headers: { authorization: `DPoP ${accessToken}`, dpop: proof },
    })
  } catch {
    return undefined
  }
}

function wantedNonce(answer: WireAnswer | undefined): string | undefined {
  const nonce = answer?.status === 401 ? answer.headers['dpop-nonce'] : undefined
  return typeof nonce === 'string' ? nonce : undefined
}

function stateIn(answer: WireAnswer | undefined): { state: string; approvals: number } | undefined {
  if (answer?.status !== 200) return undefined
  const found = parseJson(answer.text, { length: longestProblem, depth: 4 })
  if (!isJsonObject(found)) return undefined
  const { state, approvals } = found
  return typeof state === 'string' && typeof approvals === 'number'
    ? { state, approvals }
    : undefined
}

function conclude(state: string): void {
  if (state === 'approved') {
    say('Approved. The request is sent.')
    return
  }
  if (state === 'denied') throw failure('approval_denied', 'the request was denied')
  if (state === 'expired') throw failure('approval_timeout', 'nobody approved the request in time')
  throw failure('approval_unreadable', 'the approval was used already')
}

function refuseOver(
  answer: WireAnswer | undefined,
  { expiresAt }: Statement,
  { now, giveUpAt }: { now: Instant; giveUpAt: Instant },
): void {
  if (now >= giveUpAt)
    throw failure('approval_timeout', 'the request was not approved in that time')
  // Clocks differ; the API says so itself when it is asked.
  if (now >= expiresAt + 60_000) {
    throw failure('approval_timeout', 'nobody approved the request in time')
  }
  const isGone =
    answer?.status === 404 || (answer?.status === 401 && wantedNonce(answer) === undefined)
  if (isGone) throw failure('approval_lost', 'the sign-in that asked for the approval has ended')
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > longestProblem) break
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

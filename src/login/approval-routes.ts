import { isRefusal } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import { sendJson } from '../http/index.ts'
import type { HttpExchange, RouteTable } from '../http/index.ts'
import type { Person } from '../identity/index.ts'
import { approvalPage, approvalsPage } from '../pages/index.ts'
import type { ApprovalState } from '../pages/index.ts'
import { proofErrors } from '../proof/index.ts'
import type { OpenProof, ProofPlace } from '../proof/index.ts'
import type { Session, SessionId } from '../session/index.ts'
import type { Browser } from './browser.ts'
import { loginErrors } from './errors.ts'
import { jsonHandler } from './json-handler.ts'
import { isRestricted, recordAct } from './surface-parts.ts'
import type { IdentityParts } from './surface-parts.ts'

interface SignedIn {
  readonly person: Person
  readonly session: Session
}

/** Where people say yes or no to one request of theirs, or of others. */
export function approvalRoutes(parts: IdentityParts, browser: Browser): RouteTable {
  const json = jsonHandler(parts)
  return {
    'GET /approvals': (exchange) => listPending(parts, browser, exchange),
    'GET /approve/{id}': (exchange) => showApproval(parts, browser, exchange),
    'POST /approve/{id}/options': json((exchange) => options(parts, browser, exchange)),
    'POST /approve/{id}/verify': json((exchange, body) => verify(parts, browser, exchange, body)),
    'POST /approve/{id}/deny': (exchange) => deny(parts, browser, exchange),
  }
}

async function listPending(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
): Promise<Refusal | void> {
  const { base } = parts.settings()
  const found = await browser.requireSession(exchange)
  if (isRefusal(found)) {
    toSignIn(parts, browser, exchange, `${base}/approvals`)
    return undefined
  }
  // Invariant: one that is for some roles only does not tell what others ask of its owner.
  if (isRestricted(parts, found.session.facts.credentialId)) {
    return loginErrors.refuse('credential_restricted')
  }
  const after = parsePlace(exchange.query.get('after'))
  const { waiting, next } = await parts.ceremonies.approval.listFor(found.person, after)
  const page = approvalsPage({
    base,
    isFirst: after === undefined,
    ...(next === undefined ? {} : { next: printPlace(next) }),
    waiting: waiting.map((statement) => ({
      id: statement.id,
      sentence: statement.sentence,
      name: statement.name,
      own: statement.subject === found.person.id,
      expiresAt: statement.expiresAt,
    })),
  })
  browser.page(exchange, 200, page)
  return undefined
}

function printPlace({ expiresAt, id }: ProofPlace): string {
  return `${expiresAt}.${id}`
}

/** Anything else is the beginning. */
function parsePlace(text: string | null): ProofPlace | undefined {
  const [, expiresAt, id] = /^(\d{1,15})\.([A-Za-z0-9_-]{1,64})$/.exec(text ?? '') ?? []
  return expiresAt === undefined || id === undefined
    ? undefined
    : { expiresAt: Number(expiresAt), id }
}

async function showApproval(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
): Promise<void> {
  const { base } = parts.settings()
  const id = exchange.parameters['id'] ?? ''
  const found = await browser.requireSession(exchange)
  if (isRefusal(found)) {
    toSignIn(parts, browser, exchange, `${base}/approve/${encodeURIComponent(id)}`)
    return
  }
  const open = await parts.ceremonies.approval.find(id, found.person)
  if (isRefusal(open)) {
    const state = open.code === 'proof.expired' ? 'expired' : 'unknown'
    browser.page(exchange, open.code === 'proof.expired' ? 410 : 404, approvalPage({ base, state }))
    return
  }
  const { record, statement } = open
  const isOwn = statement.subject === found.person.id
  if (!isOwn && isRestricted(parts, found.session.facts.credentialId)) {
    browser.page(exchange, 404, approvalPage({ base, state: 'unknown' }))
    return
  }
  const page = approvalPage({
    base,
    state: await stateOf(parts, found, open),
    asked: {
      id,
      statement,
      statementText: record.statement,
      own: isOwn,
      csrf: parts.formTokens.issue(found.session.id),
      approvedBy: record.approvals.map(({ username }) => username),
    },
  })
  browser.page(exchange, 200, page)
}

function toSignIn(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
  back: string,
): void {
  const { base } = parts.settings()
  browser.redirect(exchange, `${base}/sign-in?return_to=${encodeURIComponent(back)}`)
}

const objections: Readonly<Record<string, ApprovalState>> = {
  'proof.same_session': 'sameSession',
  'proof.attestation_required': 'noKey',
  'proof.already_approved': 'approvedByYou',
}

async function stateOf(
  parts: IdentityParts,
  signedIn: SignedIn,
  open: OpenProof,
): Promise<ApprovalState> {
  const { state } = open.record
  if (state !== 'pending') return state
  const objection = await parts.ceremonies.approval.objection(open, signedIn)
  if (objection === undefined) return 'open'
  return objections[objection.code] ?? 'unknown'
}

async function options(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
): Promise<Refusal | void> {
  const caller = browser.bind(await browser.caller(exchange), exchange.response)
  const id = exchange.parameters['id'] ?? ''
  const found = await parts.ceremonies.approval.begin(caller, id)
  if (isRefusal(found)) return found
  sendJson(exchange.response, 200, found)
}

async function verify(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
  body: Record<string, unknown>,
): Promise<Refusal | void> {
  const caller = await browser.caller(exchange)
  const id = exchange.parameters['id'] ?? ''
  const approved = await parts.ceremonies.approval.finish(caller, id, body)
  if (isRefusal(approved)) return approved
  sendJson(exchange.response, 200, approved)
}

/** A form of the page; `because` says which of its two buttons was pressed. */
async function deny(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
): Promise<Refusal | void> {
  const { base } = parts.settings()
  const found = await browser.requireForm(exchange)
  if (isRefusal(found)) return found
  // Invariant: one that is for some roles only speaks for its owner in no way, and ends no other session.
  if (isRestricted(parts, found.session.facts.credentialId)) {
    return loginErrors.refuse('credential_restricted')
  }
  const id = exchange.parameters['id'] ?? ''
  const open = await parts.ceremonies.approval.find(id, found.person)
  if (isRefusal(open)) return open
  const own = open.statement.subject === found.person.id
  const because = found.fields.get('because') === 'stranger' ? 'stranger' : 'denied'
  if (because === 'stranger' && !own) return proofErrors.refuse('not_an_approver', 'not the asker')
  const caller = await browser.caller(exchange)
  const ended: SessionId[] = []
  const endAskers = async (): Promise<void> => {
    ended.push(...(await endedAskers(parts, found.person, open)))
  }
  const denied = { open, because, endAskers } as const
  const refused = await parts.ceremonies.approval.deny(caller, found, denied)
  if (refused !== undefined) return refused
  for (const session of ended) {
    await recordAct(parts, {
      kind: 'session',
      action: 'session.end',
      person: found.person,
      session: found.session,
      address: exchange.address,
      what: { ended: session, proof: open.record.id },
    })
  }
  browser.redirect(exchange, `${base}/approve/${encodeURIComponent(id)}`)
}

/** Whoever asked in this person's name holds a session of theirs: it ends, and the browser's with it. */
async function endedAskers(
  parts: IdentityParts,
  person: Person,
  open: OpenProof,
): Promise<readonly SessionId[]> {
  const asking = [open.statement.session, open.record.browserSession ?? '']
  const own = await parts.sessions.listFor(person.id)
  const theirs = own.map(({ id }) => id).filter((id) => asking.includes(id))
  for (const id of theirs) await parts.sessions.end(id)
  return theirs
}

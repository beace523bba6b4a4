import { isRefusal } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import { sendJson } from '../../http/index.ts'
import type { HttpExchange, RouteTable } from '../../http/index.ts'
import { identityErrors } from '../../identity/index.ts'
import type { Person, Recovery, Retirement } from '../../identity/index.ts'
import { recoveriesPage } from '../../pages/index.ts'
import { printRecoveryStatement } from '../../proof/index.ts'
import type { Session } from '../../session/index.ts'
import type { Browser } from '../browser.ts'
import type { BoundRecovery } from '../ceremonies/recovery-approval.ts'
import { loginErrors } from '../errors.ts'
import { jsonHandler } from '../json-handler.ts'
import { isRestricted, recordAct } from '../surface-parts.ts'
import type { IdentityParts } from '../surface-parts.ts'

/** A touch that declines is of this very minute, whatever counts as fresh elsewhere. */
const youngTouch = 60_000

/** Where people of one group approve that somebody else is let in again. */
export function recoveryRoutes(parts: IdentityParts, browser: Browser): RouteTable {
  const json = jsonHandler(parts)
  return {
    'GET /recoveries': (exchange) => showRecoveries(parts, browser, exchange),
    'POST /recoveries/{id}/options': json((exchange) => options(parts, browser, exchange)),
    'POST /recoveries/{id}/approve': json((exchange, body) =>
      approve(parts, browser, exchange, body),
    ),
    'POST /recoveries/{id}/decline': (exchange) => decline(parts, browser, exchange),
  }
}

async function showRecoveries(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
): Promise<Refusal | void> {
  const { base, recovery } = parts.settings()
  const found = await browser.requireSession(exchange)
  if (isRefusal(found)) {
    const back = encodeURIComponent(`${base}/recoveries`)
    browser.redirect(exchange, `${base}/sign-in?return_to=${back}`)
    return undefined
  }
  const unfit = mayNotApprove(parts, found)
  if (unfit !== undefined) return unfit
  const { oldPasskeys = 'suspend' } = recovery ?? {}
  const open = await parts.recoveries.listOpen()
  const people = await Promise.all(open.map(({ personId }) => parts.people.load(personId)))
  const recoveries = open.flatMap((one, index) => {
    const person = people[index]
    if (person === undefined) return []
    const { name, username, id } = person
    const statement = statementOf(one, { person, approver: found.person, oldPasskeys })
    return [{ ...one, name, username, statement, own: id === found.person.id }]
  })
  const page = recoveriesPage({
    base,
    csrf: parts.formTokens.issue(found.session.id),
    recoveries,
    oldPasskeys,
  })
  browser.page(exchange, 200, page)
  return undefined
}

/** What a touch for this recovery signs, by what is known now. */
function statementOf(
  { id, ticketHash, code, reason, createdAt, expiresAt }: Recovery,
  {
    person,
    approver,
    oldPasskeys,
  }: { readonly person: Person; readonly approver: Person; readonly oldPasskeys: Retirement },
): string {
  return printRecoveryStatement({
    id,
    person: person.id,
    username: person.username,
    name: person.name,
    ticket: ticketHash,
    code,
    reason,
    oldPasskeys,
    approver: approver.id,
    issuedAt: createdAt,
    expiresAt,
  })
}

/** What is signed, and what becomes of old passkeys, which it names. */
interface Bound {
  readonly bound: BoundRecovery
  readonly oldPasskeys: Retirement
}

async function boundOf(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
): Promise<Bound | Refusal> {
  const approver = await browser.requireSession(exchange)
  if (isRefusal(approver)) return approver
  const unfit = mayNotApprove(parts, approver)
  if (unfit !== undefined) return unfit
  const recovery = await parts.recoveries.open(exchange.parameters['id'] ?? '', approver.person)
  if (isRefusal(recovery)) return recovery
  const person = await parts.people.load(recovery.personId)
  if (person === undefined || person.disabled) return identityErrors.refuse('recovery_undecidable')
  const { oldPasskeys = 'suspend' } = parts.settings().recovery ?? {}
  const named = { person, approver: approver.person, oldPasskeys }
  const statement = statementOf(recovery, named)
  return { bound: { ...approver, id: recovery.id, statement }, oldPasskeys }
}

async function options(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
): Promise<Refusal | void> {
  const found = await boundOf(parts, browser, exchange)
  if (isRefusal(found)) return found
  const { bound } = found
  const caller = browser.bind(await browser.caller(exchange), exchange.response)
  const asked = await parts.ceremonies.recoveryApproval.begin(caller, bound)
  if (isRefusal(asked)) return asked
  sendJson(exchange.response, 200, asked)
}

/** Invariant: whoever is let in again was named by the touch that does it. */
async function approve(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
  body: Record<string, unknown>,
): Promise<Refusal | void> {
  const found = await boundOf(parts, browser, exchange)
  if (isRefusal(found)) return found
  const { bound, oldPasskeys } = found
  const caller = await browser.caller(exchange)
  const touch = await parts.ceremonies.recoveryApproval.finish(caller, bound, body)
  if (isRefusal(touch)) return touch
  const decision = { id: bound.id, credential: touch.credentialId }
  // Invariant: what was signed is what is done, also when the configuration changes meanwhile.
  const refused = await decide(parts, exchange, bound, { ...decision, answer: oldPasskeys })
  if (refused !== undefined) return refused
  sendJson(exchange.response, 200, { ok: true })
}

async function decline(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
): Promise<Refusal | void> {
  const approver = await readApprover(parts, browser, exchange)
  if (isRefusal(approver)) return approver
  const { credentialId: credential } = approver.session.facts
  const id = exchange.parameters['id'] ?? ''
  const refused = await decide(parts, exchange, approver, { id, credential, answer: 'declined' })
  if (refused !== undefined) return refused
  if ((exchange.request.headers.accept ?? '').includes('application/json')) {
    sendJson(exchange.response, 200, { ok: true })
  } else {
    browser.redirect(exchange, `${parts.settings().base}/recoveries`)
  }
  return undefined
}

async function decide(
  parts: IdentityParts,
  { address }: HttpExchange,
  { person, session }: Approver,
  { id, credential, answer }: { id: string; credential: string; answer: Retirement | 'declined' },
): Promise<Refusal | undefined> {
  const decided = await parts.recoveries.decide(id, person, answer)
  if (isRefusal(decided)) return decided
  await recordAct(parts, {
    person,
    session,
    kind: 'identity',
    action: answer === 'declined' ? 'recovery.decline' : 'recovery.approve',
    address,
    what: { recovery: id, for: decided.personId, credential },
  })
  return undefined
}

interface Approver {
  readonly person: Person
  readonly session: Session
}

/** Whoever sent the form, with a touch of this minute. */
async function readApprover(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
): Promise<Approver | Refusal> {
  const found = await browser.requireForm(exchange)
  if (isRefusal(found)) return found
  const { session } = found
  const isYoung = parts.clock.now() - session.provedAt < youngTouch
  const isProved = isYoung && parts.sessions.hasFreshProof(session)
  return mayNotApprove(parts, found) ?? (isProved ? found : loginErrors.refuse('proof_required'))
}

/** Invariant: only the configured group approves, with passkeys that are for everything. */
function mayNotApprove(parts: IdentityParts, { person, session }: Approver): Refusal | undefined {
  const approvers = parts.settings().recovery?.approvers
  if (approvers === undefined || !parts.directory.groupsOf(person).includes(approvers)) {
    return loginErrors.refuse('not_an_approver')
  }
  return isRestricted(parts, session.facts.credentialId)
    ? loginErrors.refuse('credential_restricted')
    : undefined
}

import { isRefusal } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import { checkSameOrigin, readForm, sendJson } from '../../http/index.ts'
import type { HttpExchange, RouteTable } from '../../http/index.ts'
import type { Person } from '../../identity/index.ts'
import { recoveriesPage } from '../../pages/index.ts'
import type { Session } from '../../session/index.ts'
import type { Browser } from '../browser.ts'
import { loginErrors } from '../errors.ts'
import { isRestricted, recordAct } from '../surface-parts.ts'
import type { IdentityParts } from '../surface-parts.ts'

/** A touch that approves is of this very minute, whatever counts as fresh elsewhere. */
const youngTouch = 60_000

/** Where people of one group approve that somebody else is let in again. */
export function recoveryRoutes(parts: IdentityParts, browser: Browser): RouteTable {
  return {
    'GET /recoveries': (exchange) => showRecoveries(parts, browser, exchange),
    'POST /recoveries/{id}/approve': (exchange) => decide(parts, browser, exchange, true),
    'POST /recoveries/{id}/decline': (exchange) => decide(parts, browser, exchange, false),
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
  const open = await parts.recoveries.listOpen()
  const people = await Promise.all(open.map(({ personId }) => parts.people.load(personId)))
  const recoveries = open.flatMap((one, index) => {
    const person = people[index]
    if (person === undefined) return []
    const { name, username, id } = person
    return [{ ...one, name, username, own: id === found.person.id }]
  })
  const page = recoveriesPage({
    base,
    csrf: parts.formTokens.issue(found.session.id),
    recoveries,
    oldPasskeys: recovery?.oldPasskeys ?? 'suspend',
  })
  browser.page(exchange, 200, page)
  return undefined
}

async function decide(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
  approves: boolean,
): Promise<Refusal | void> {
  const approver = await readApprover(parts, browser, exchange)
  if (isRefusal(approver)) return approver
  const { base, recovery } = parts.settings()
  const id = exchange.parameters['id'] ?? ''
  const answer = approves ? (recovery?.oldPasskeys ?? 'suspend') : 'declined'
  const decided = await parts.recoveries.decide(id, approver.person, answer)
  if (isRefusal(decided)) return decided
  const { credentialId: credential } = approver.session.facts
  await recordAct(parts, {
    ...approver,
    kind: 'identity',
    action: approves ? 'recovery.approve' : 'recovery.decline',
    address: exchange.address,
    what: { recovery: id, for: decided.personId, credential },
  })
  if ((exchange.request.headers.accept ?? '').includes('application/json')) {
    sendJson(exchange.response, 200, { ok: true })
  } else {
    browser.redirect(exchange, `${base}/recoveries`)
  }
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
  const crossSite = checkSameOrigin(exchange.request, parts.settings().origin)
  if (crossSite !== undefined) return crossSite
  const fields = await readForm(exchange.request)
  if (isRefusal(fields)) return fields
  const found = await browser.requireForm(exchange, fields)
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

import { isRefusal, randomId } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import { checkSameOrigin, parseReturnTo, readForm, sendJson } from '../../http/index.ts'
import type { HttpExchange, RouteTable } from '../../http/index.ts'
import { parseReason } from '../../identity/index.ts'
import type { Person } from '../../identity/index.ts'
import { breakGlassPage } from '../../pages/index.ts'
import type { Session } from '../../session/index.ts'
import type { Browser } from '../browser.ts'
import { loginErrors } from '../errors.ts'
import { openBrowserSession } from '../surface-parts.ts'
import type { IdentityParts } from '../surface-parts.ts'

/** Where somebody who touched a passkey for emergencies says why, before it opens anything. */
export function breakGlassRoutes(parts: IdentityParts, browser: Browser): RouteTable {
  return {
    'GET /break-glass': (exchange) => showBreakGlass(parts, browser, exchange),
    'POST /break-glass': (exchange) => breakGlass(parts, browser, exchange),
  }
}

interface Holder {
  readonly session: Session
  readonly person: Person
}

/** Somebody who has just touched a passkey that is still sealed. */
async function holderOf(
  parts: IdentityParts,
  browser: Browser,
  { request }: HttpExchange,
): Promise<Holder | undefined> {
  const session = await browser.pending(request)
  if (session === undefined) return undefined
  const credential = await parts.credentials.load(session.facts.credentialId)
  const person = await parts.people.load(session.personId)
  if (credential?.sealedAt === undefined || credential.suspension !== undefined) return undefined
  return person === undefined || person.disabled ? undefined : { session, person }
}

async function showBreakGlass(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
): Promise<void> {
  const { base } = parts.settings()
  const returnTo = parseReturnTo(exchange.query.get('return_to'), `${base}/account`)
  const holder = await holderOf(parts, browser, exchange)
  if (holder === undefined) {
    browser.redirect(exchange, `${base}/sign-in?return_to=${encodeURIComponent(returnTo)}`)
    return
  }
  const { session, person } = holder
  const csrf = parts.formTokens.issue(session.id)
  browser.page(exchange, 200, breakGlassPage({ base, csrf, personName: person.name, returnTo }))
}

async function breakGlass(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
): Promise<Refusal | void> {
  const crossSite = checkSameOrigin(exchange.request, parts.settings().origin)
  if (crossSite !== undefined) return crossSite
  const fields = await readForm(exchange.request)
  if (isRefusal(fields)) return fields
  // Before what it depends on is read: whatever is revoked later is seen when the session is opened.
  const asOf = parts.revocations.position
  const holder = await holderOf(parts, browser, exchange)
  if (holder === undefined) return loginErrors.refuse('sign_in_required')
  const forged = parts.formTokens.check(holder.session.id, fields.get('csrf'))
  if (forged !== undefined) return forged
  const reason = parseReason(fields.get('reason') ?? '')
  if (isRefusal(reason)) return reason
  // One touch opens one session, however often the form is sent.
  const ended = await parts.sessions.end(holder.session.id)
  if (ended.length === 0) return loginErrors.refuse('sign_in_required')
  await raiseAlarm(parts, exchange, holder, reason)
  browser.forgetPending(exchange.response)
  const { personId, facts } = holder.session
  const opened = await openBrowserSession(parts, browser, exchange, { personId, facts, asOf })
  if (isRefusal(opened)) return opened
  const redirect = parseReturnTo(fields.get('return_to'), `${parts.settings().base}/account`)
  if ((exchange.request.headers.accept ?? '').includes('application/json')) {
    sendJson(exchange.response, 200, { ok: true, redirect })
  } else {
    browser.redirect(exchange, redirect)
  }
  return undefined
}

/** Invariant: it is on record, and in the log, before anything is open. */
async function raiseAlarm(
  parts: IdentityParts,
  { address, requestId }: HttpExchange,
  { person, session }: Holder,
  reason: string,
): Promise<void> {
  const { id: subject, username } = person
  const { credentialId: credential } = session.facts
  await parts.record({
    id: randomId(),
    kind: 'ceremony',
    action: 'credential.break_glass',
    outcome: 'success',
    reason: 'credential.break_glass.done',
    who: { subject, username, credential, session: session.id },
    what: { credential, reason },
    where: { address },
  })
  parts.alarm('a passkey for emergencies was used', { username, credential, reason, requestId })
}

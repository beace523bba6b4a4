import { isRefusal } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import { checkSameOrigin, parseReturnTo, readJsonObject, sendJson } from '../../http/index.ts'
import type { HttpExchange, RouteTable } from '../../http/index.ts'
import { enrolPage } from '../../pages/index.ts'
import type { Browser } from '../browser.ts'
import type { Caller } from '../ceremonies/parts.ts'
import { loginErrors } from '../errors.ts'
import { renewing } from './renewal.ts'
import type { Renewing } from './renewal.ts'
import { openBrowserSession, signalOf } from '../surface-parts.ts'
import type { IdentityParts } from '../surface-parts.ts'

/** The page that replaces a passkey by a new one, and its two endpoints. */
export function renewalRoutes(parts: IdentityParts, browser: Browser): RouteTable {
  return {
    'GET /renew': (exchange) => showRenewal(parts, browser, exchange),
    'POST /webauthn/renewal/options': (exchange) => renewalOptions(parts, browser, exchange),
    'POST /webauthn/renewal/verify': (exchange) => renewalVerify(parts, browser, exchange),
  }
}

async function showRenewal(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
): Promise<void> {
  const { base, relyingPartyName } = parts.settings()
  const returnTo = parseReturnTo(exchange.query.get('return_to') ?? undefined, `${base}/account`)
  const found = await renewing(parts, browser, exchange)
  if (found === 'current' || found === 'restricted') {
    browser.redirect(exchange, returnTo)
    return
  }
  const person = found === undefined ? undefined : await parts.people.load(found.session.personId)
  if (found === undefined || person === undefined) {
    browser.redirect(exchange, `${base}/sign-in?return_to=${encodeURIComponent(returnTo)}`)
    return
  }
  const page = enrolPage({
    base,
    mode: found.isSkippable ? 'renew' : 'must-renew',
    personName: person.name,
    username: person.username,
    rpName: relyingPartyName,
    hasCredentials: true,
    suitable: parts.ceremonies.wantedKey(person),
    keyName: found.credential.name,
    returnTo,
  })
  browser.page(exchange, 200, page)
}

async function renewalOptions(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
): Promise<Refusal | void> {
  const asking = await readAsking(parts, browser, exchange)
  if (isRefusal(asking)) return asking
  const { session, credential } = asking.found
  const options = await parts.ceremonies.beginRegistration(
    browser.bind(asking.caller, exchange.response),
    {
      ticket: undefined,
      hasFreshProof: parts.sessions.hasFreshProof(session),
      replaces: credential.id,
    },
  )
  if (isRefusal(options)) return options
  sendJson(exchange.response, 200, options)
}

/** The old passkey has gone with everything it opened; the person stays signed in, with the new one. */
async function renewalVerify(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
): Promise<Refusal | void> {
  const asking = await readAsking(parts, browser, exchange)
  if (isRefusal(asking)) return asking
  const registered = await parts.ceremonies.finishRegistration(asking.caller, asking.body, 'renew')
  if (isRefusal(registered)) return registered
  const { person, credential, asOf } = registered
  parts.revocations.refresh()
  await parts.sessions.end(asking.found.session.id)
  browser.forgetPending(exchange.response)
  const session = await openBrowserSession(parts, browser, exchange, {
    personId: person.id,
    facts: parts.ceremonies.factsOf(credential),
    asOf,
  })
  if (isRefusal(session)) return session
  sendJson(exchange.response, 200, {
    credentialId: credential.id,
    csrf: parts.formTokens.issue(session.id),
    ...(await signalOf(parts, person)),
  })
}

interface Asking {
  readonly found: Renewing
  readonly caller: Caller
  readonly body: Record<string, unknown>
}

async function readAsking(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
): Promise<Asking | Refusal> {
  const crossSite = checkSameOrigin(exchange.request, parts.settings().origin)
  if (crossSite !== undefined) return crossSite
  const body = await readJsonObject(exchange.request)
  if (isRefusal(body)) return body
  const found = await renewing(parts, browser, exchange)
  if (found === undefined) return loginErrors.refuse('sign_in_required')
  if (found === 'restricted') return loginErrors.refuse('credential_restricted')
  if (found === 'current') return loginErrors.refuse('nothing_to_renew')
  const caller = await browser.caller(exchange)
  return { found, body, caller: { ...caller, session: found.session } }
}

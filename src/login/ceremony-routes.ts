import { isRefusal } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import { parseReturnTo, sendJson } from '../http/index.ts'
import type { HttpExchange, RouteTable } from '../http/index.ts'
import { opensRenewalOnly } from '../identity/index.ts'
import type { Session } from '../session/index.ts'
import type { Browser } from './browser.ts'
import type { Authenticated } from './ceremonies/authentication.ts'
import type { Caller } from './ceremonies/parts.ts'
import { confirm, loadStepUp } from './ceremonies/confirmation.ts'
import { loginErrors } from './errors.ts'
import { jsonHandler } from './json-handler.ts'
import { detour, opensAll } from './passkeys/renewal.ts'
import {
  describeBrowser,
  isRestricted,
  openBrowserSession,
  overtaken,
  recordAct,
} from './surface-parts.ts'
import type { IdentityParts } from './surface-parts.ts'

/** The JSON endpoints of the ceremonies; documented in docs/ceremonies.md. */
export function ceremonyRoutes(parts: IdentityParts, browser: Browser): RouteTable {
  const json = jsonHandler(parts)
  return {
    'POST /webauthn/registration/options': json((exchange, body) =>
      registrationOptions(parts, browser, exchange, body),
    ),
    'POST /webauthn/registration/verify': json((exchange, body) =>
      registrationVerify(parts, browser, exchange, body),
    ),
    'POST /webauthn/authentication/options': json((exchange, body) =>
      authenticationOptions(parts, browser, exchange, body),
    ),
    'POST /webauthn/authentication/verify': json((exchange, body) =>
      authenticationVerify(parts, browser, exchange, body),
    ),
  }
}

async function registrationOptions(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
  body: Record<string, unknown>,
): Promise<Refusal | void> {
  const caller = browser.bind(await browser.caller(exchange), exchange.response)
  const ticket = typeof body['ticket'] === 'string' ? body['ticket'] : undefined
  const signedInWith = caller.session?.facts.credentialId
  if (ticket === undefined && signedInWith !== undefined && isRestricted(parts, signedInWith)) {
    return loginErrors.refuse('credential_restricted')
  }
  const options = await parts.ceremonies.beginRegistration(caller, {
    ticket,
    hasFreshProof: caller.session !== undefined && parts.sessions.hasFreshProof(caller.session),
  })
  if (isRefusal(options)) return options
  sendJson(exchange.response, 200, options)
}

async function registrationVerify(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
  body: Record<string, unknown>,
): Promise<Refusal | void> {
  const caller = await browser.caller(exchange)
  const registered = await parts.ceremonies.finishRegistration(caller, body)
  if (isRefusal(registered)) return registered
  const { person, credential, asOf } = registered
  let session: Session | Refusal | undefined = caller.session
  if (registered.recovered) parts.revocations.refresh()
  if (registered.recovered || (registered.byTicket && session === undefined)) {
    session = await openBrowserSession(parts, browser, exchange, {
      personId: person.id,
      facts: parts.ceremonies.factsOf(credential),
      asOf,
    })
    if (isRefusal(session)) return session
  }
  sendJson(exchange.response, 200, {
    credentialId: credential.id,
    redirect: `${parts.settings().base}/account`,
    ...(session === undefined ? {} : { csrf: parts.formTokens.issue(session.id) }),
  })
}

async function authenticationOptions(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
  body: Record<string, unknown>,
): Promise<Refusal | void> {
  const purpose = body['purpose'] ?? 'sign-in'
  if (purpose !== 'sign-in' && purpose !== 'confirm') return loginErrors.refuse('purpose_unknown')
  const caller = browser.bind(await browser.caller(exchange), exchange.response)
  const stepUp =
    body['stepUp'] === undefined
      ? undefined
      : await loadStepUp(parts, caller.session, body['stepUp'])
  if (isRefusal(stepUp)) return stepUp
  if (stepUp !== undefined && purpose !== 'confirm') return loginErrors.refuse('purpose_unknown')
  const options = await parts.ceremonies.beginAuthentication(caller, purpose, stepUp)
  if (isRefusal(options)) return options
  sendJson(exchange.response, 200, options)
}

async function authenticationVerify(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
  body: Record<string, unknown>,
): Promise<Refusal | void> {
  const caller = await browser.caller(exchange)
  const { returnTo, ...response } = body
  const authenticated = await parts.ceremonies.finishAuthentication(caller, response)
  if (isRefusal(authenticated)) return authenticated
  const wanted = typeof returnTo === 'string' ? returnTo : undefined
  const back = parseReturnTo(wanted, `${parts.settings().base}/account`)
  if (authenticated.purpose === 'confirm') {
    const refused = await confirm(parts, browser, exchange, { caller, authenticated })
    if (refused !== undefined) return refused
    sendJson(exchange.response, 200, { redirect: back })
    return undefined
  }
  // Invariant: one that is for some roles only does not turn into one that is for everything by its age.
  const { standing, facts } = authenticated
  if (isRestricted(parts, facts.credentialId) && opensRenewalOnly(standing)) {
    return loginErrors.refuse('credential_lapsed')
  }
  const refused = await signIn(parts, browser, exchange, caller, authenticated)
  if (isRefusal(refused)) return refused
  sendJson(exchange.response, 200, { redirect: await detour(parts, authenticated, back) })
  return undefined
}

async function signIn(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
  caller: Caller,
  authenticated: Authenticated,
): Promise<Session | Refusal | undefined> {
  // Invariant: a sign-in never continues a session that was there before (fixation).
  if (caller.session !== undefined) await parts.sessions.end(caller.session.id)
  if (!opensAll(authenticated)) {
    browser.forgetSession(exchange.response)
    return openPending(parts, browser, exchange, authenticated)
  }
  const { person, facts, asOf } = authenticated
  return openBrowserSession(parts, browser, exchange, { personId: person.id, facts, asOf })
}

/** Invariant: with a passkey that has lapsed, or is sealed, the touch alone signs nobody in. */
async function openPending(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
  { person, facts, asOf }: Authenticated,
): Promise<Refusal | undefined> {
  const { address } = exchange
  const opened = await parts.sessions.openPending({
    personId: person.id,
    facts,
    asOf,
    name: describeBrowser(exchange.request),
    address,
  })
  if (opened === undefined) return overtaken(parts, exchange, { personId: person.id, facts })
  const { session, handle } = opened
  browser.holdPending(exchange.response, handle)
  await recordAct(parts, { kind: 'session', action: 'session.pending', person, session, address })
  return undefined
}

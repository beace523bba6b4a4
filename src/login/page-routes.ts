import { hashSecret, isRefusal } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import { httpErrors, parseReturnTo, send } from '../http/index.ts'
import type { HttpExchange, RouteTable } from '../http/index.ts'
import {
  assetCacheControl,
  assetFor,
  enrolPage,
  signInPage,
  stepUpPage,
  ticketProblemPage,
} from '../pages/index.ts'
import { acceptsGzip } from './browser.ts'
import type { Browser } from './browser.ts'
import { isProved, loadStepUp } from './ceremonies/confirmation.ts'
import { loginErrors } from './errors.ts'
import type { IdentityParts } from './surface-parts.ts'

/** Pages that anybody can open, and what they load. GET changes nothing but the hand-off's ticket. */
export function pageRoutes(parts: IdentityParts, browser: Browser): RouteTable {
  return {
    'GET /': (exchange) => browser.redirect(exchange, `${parts.settings().base}/account`),
    'GET /sign-in': (exchange) => showSignIn(parts, browser, exchange),
    'GET /enrol/{ticket}': (exchange) => showEnrol(parts, browser, exchange),
    'GET /step-up': (exchange) => showStepUp(parts, browser, exchange),
    'GET /handoff': (exchange) => handOff(parts, browser, exchange),
    'GET /assets/{name}': (exchange) => sendAsset(exchange),
    'GET /favicon.ico': (exchange) => send(exchange.response, 204, '', {}),
  }
}

async function showSignIn(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
): Promise<void> {
  const { base, relyingPartyName } = parts.settings()
  const returnTo = parseReturnTo(exchange.query.get('return_to'), `${base}/account`)
  const signedIn = (await browser.session(exchange.request)) !== undefined
  // Somebody who is signed in only stays here when a fresh sign-in was asked for.
  if (signedIn && exchange.query.get('fresh') !== '1') {
    browser.redirect(exchange, returnTo)
    return
  }
  const application = apiHostOf(parts, returnTo)
  const page = signInPage({
    base,
    returnTo,
    rpName: relyingPartyName,
    again: signedIn,
    ...(application === undefined ? {} : { application }),
  })
  browser.page(exchange, 200, page)
}

/** The API that a hand-off leads to, as the address bar will name it. */
function apiHostOf(parts: IdentityParts, returnTo: string): string | undefined {
  const { apis, base, origin } = parts.settings()
  const { pathname, searchParams } = new URL(returnTo, origin)
  if (pathname !== `${base}/handoff`) return undefined
  const api = apis.find((one) => one.name === searchParams.get('api'))
  return api === undefined ? undefined : new URL(api.origin).host
}

async function showEnrol(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
): Promise<Refusal | void> {
  const { base, relyingPartyName } = parts.settings()
  const ticket = exchange.parameters['ticket'] ?? ''
  const person = await parts.directory.personForTicket(ticket)
  if (isRefusal(person)) {
    browser.page(exchange, person.status, ticketProblemPage({ base }))
    return undefined
  }
  const session = await browser.session(exchange.request)
  if (session !== undefined && session.personId !== person.id) {
    return loginErrors.refuse('other_person')
  }
  const own = await parts.credentials.listFor(person.id)
  const retired = await parts.directory.retirementOf(hashSecret('ticket', ticket))
  const page = enrolPage({
    base,
    mode: 'ticket',
    recovers: retired !== undefined,
    ticket,
    personName: person.name,
    username: person.username,
    rpName: relyingPartyName,
    hasCredentials: own.length > 0 && retired === undefined,
    suitable: parts.ceremonies.wantedKey(person),
    ...(session === undefined ? {} : { csrf: parts.formTokens.issue(session.id) }),
  })
  browser.page(exchange, 200, page)
  return undefined
}

/** Asks for a touch for what was begun at an API host; who has touched a key by now goes on. */
async function showStepUp(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
): Promise<Refusal | void> {
  const { apis, base } = parts.settings()
  const request = exchange.query.get('request')
  const session = await browser.session(exchange.request)
  const stepUp = await loadStepUp(parts, session, request)
  if (isRefusal(stepUp)) return stepUp
  const api = apis.find((one) => one.name === stepUp.api)
  if (api === undefined) return loginErrors.refuse('unknown_api')
  if (session === undefined) {
    const here = `${base}/step-up?request=${request ?? ''}`
    browser.redirect(exchange, `${base}/sign-in?return_to=${encodeURIComponent(here)}`)
    return undefined
  }
  const back = `${base}/handoff?api=${api.name}&flow=${stepUp.flowHash}&step_up=${request ?? ''}`
  if (isProved(session, stepUp, parts.clock.now())) {
    browser.redirect(exchange, back)
    return undefined
  }
  const page = stepUpPage({
    base,
    host: new URL(api.origin).host,
    route: stepUp.route,
    keeps: stepUp.method === 'POST',
    request: request ?? '',
    returnTo: back,
    maxAge: stepUp.maxAge === undefined ? undefined : Math.floor(stepUp.maxAge / 1000),
    takesHardware: stepUp.acr === 'phrh',
  })
  browser.page(exchange, 200, page)
  return undefined
}

/** Sends a signed-in person back to the API host they came from, with a ticket for that host. */
async function handOff(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
): Promise<Refusal | void> {
  const { apis, base } = parts.settings()
  const api = apis.find((one) => one.name === exchange.query.get('api'))
  const flow = exchange.query.get('flow') ?? ''
  if (api === undefined || !/^[A-Za-z0-9_-]{43}$/.test(flow)) {
    return loginErrors.refuse('unknown_api')
  }
  const session = await browser.session(exchange.request)
  const stepUp = exchange.query.get('step_up') ?? ''
  const isStepUp = /^[A-Za-z0-9_-]{43}$/.test(stepUp)
  if (session === undefined) {
    const more = isStepUp ? `&step_up=${stepUp}` : ''
    const back = `${base}/handoff?api=${api.name}&flow=${flow}${more}`
    browser.redirect(exchange, `${base}/sign-in?return_to=${encodeURIComponent(back)}`)
    return undefined
  }
  const secret = await parts.handoffs.issue({
    sessionId: session.id,
    api: api.name,
    flowHash: flow,
  })
  const way = isStepUp ? `step-up?request=${stepUp}&` : 'callback?'
  browser.redirect(exchange, `${api.origin}/.proofgate/session/${way}ticket=${secret}`)
  return undefined
}

function sendAsset(exchange: HttpExchange): Refusal | void {
  const name = exchange.parameters['name'] ?? ''
  const asset = assetFor(name)
  if (asset === undefined) return httpErrors.refuse('not_found')
  const version = exchange.query.get('v') ?? undefined
  const headers = {
    'content-type': asset.contentType,
    'cache-control': assetCacheControl(name, version),
    // The two encodings are the same file, though not byte for byte.
    etag: `W/${asset.etag}`,
    vary: 'accept-encoding',
  }
  if (exchange.request.headers['if-none-match'] === headers.etag) {
    send(exchange.response, 304, '', headers)
  } else if (acceptsGzip(exchange.request)) {
    send(exchange.response, 200, asset.gzip, { ...headers, 'content-encoding': 'gzip' })
  } else {
    send(exchange.response, 200, asset.body, headers)
  }
  return undefined
}

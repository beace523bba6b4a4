import { hashSecret, isRefusal, randomToken } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import { cookie, parseReturnTo, readCookie } from '../../http/index.ts'
import type { PersonId } from '../../identity/index.ts'
import type { SessionId } from '../../session/index.ts'
import { isBrowserSession } from '../caller/principal.ts'
import type { Principal } from '../caller/principal.ts'
import { stepUpCookieName } from '../caller/session-cookie.ts'
import { gatewayErrors } from '../errors.ts'
import type { GatewayParts, GatewayTable } from '../gateway.ts'
import type { CallerRequest, Incoming } from '../incoming/incoming.ts'
import { bodyLength } from '../incoming/screen.ts'
import type { ProofDemand } from '../proof/demand.ts'
import type { Api, Route } from '../route.ts'
import { sealRequest } from './seal.ts'
import type { KeptRequest } from './seal.ts'

/** A longer body is not kept: the person is told before they touch a key. */
export const longestKept = 64 * 1024
const cookieLifetime = 900

/** A request that was refused for want of a proof, by somebody who can be asked for one. */
export interface Unproved {
  readonly incoming: Incoming
  readonly api: Api
  readonly route: Route
  readonly principal: Principal
  readonly demand: ProofDemand
  /** A browser that shows the answer to a person. */
  readonly isNavigation: boolean
}

/** What is known of a request that was refused, as far as it matters here. */
interface Found {
  readonly api?: Api
  readonly route?: Route
  readonly principal?: Principal
  readonly demand?: ProofDemand | undefined
}

/** Somebody in a browser session, whom our own sign-in page can ask for a touch; `undefined` for all others. */
export function unproved(
  incoming: Incoming,
  { api, route, principal, demand }: Found,
): Unproved | undefined {
  if (api === undefined || route === undefined || demand === undefined) return undefined
  if (principal === undefined || !isBrowserSession(principal)) return undefined
  if (incoming.upgrade !== undefined) return undefined
  const isNavigation = showsAnswer(incoming)
  return { incoming, api, route, principal, demand, isNavigation }
}

/** A form that is sent is a navigation too. */
function showsAnswer({ method, request: { headers } }: Incoming): boolean {
  if (method !== 'GET' && method !== 'HEAD' && method !== 'POST') return false
  const mode = headers['sec-fetch-mode']
  if (mode !== undefined) return mode === 'navigate'
  return (headers.accept ?? '').split(',', 1)[0]?.trim() === 'text/html'
}

/** Where a browser touches a key for what it was about to do, and the cookie with which it comes back. */
export interface Way {
  readonly location: string
  readonly cookie: string
}

/** Keeps what the browser was about to do, as far as it can be done again, and says where to touch a key. */
export async function beginStepUp(
  { incoming, api, route, principal, demand, isNavigation }: Unproved,
  { parts, table }: { readonly parts: GatewayParts; readonly table: GatewayTable },
): Promise<Way | Refusal> {
  const kept = isNavigation ? await keep(incoming, route) : pageOf(incoming.request, api)
  if (isRefusal(kept)) return kept
  const name = stepUpCookieName(api.secure)
  const known = readCookie(incoming.request.headers.cookie, name) ?? ''
  // One for all tabs, so that they do not disturb each other.
  const browser = /^[A-Za-z0-9_-]{43}$/.test(known) ? known : randomToken()
  const binding = {
    personId: principal.subject as PersonId,
    api: api.name,
    route: route.id,
    method: isNavigation ? incoming.method : 'GET',
  }
  const secret = await parts.stepUps.open(
    {
      ...binding,
      ...demand,
      sessionId: (principal.session ?? '') as SessionId,
      flowHash: hashSecret('handoff', browser),
    },
    (stepUp) => sealRequest(kept, { browser, stepUp }, binding),
  )
  const { secure } = api
  return {
    location: `${table.identityBase}/step-up?request=${secret}`,
    cookie: cookie({ name, value: browser, secure, sameSite: 'Lax', maxAge: cookieLifetime }),
  }
}

/** A script's request is its own to repeat: its person comes back to the page that made it. */
function pageOf({ headers }: CallerRequest, api: Api): KeptRequest {
  const referer = headers.referer ?? ''
  const isOurs = referer.startsWith(`${api.origin}/`)
  const target = parseReturnTo(isOurs ? referer.slice(api.origin.length) : undefined)
  return { target, contentType: undefined, contentEncoding: undefined, body: Buffer.alloc(0) }
}

async function keep(incoming: Incoming, route: Route): Promise<KeptRequest | Refusal> {
  const { request } = incoming
  const { headers } = request
  const body = incoming.method === 'POST' ? await readKept(incoming, route) : Buffer.alloc(0)
  if (isRefusal(body)) return body
  return {
    target: request.url ?? '/',
    contentType: headers['content-type'],
    contentEncoding: headers['content-encoding'],
    body,
  }
}

/** Invariant: what is too long to be kept is refused before anybody touches a key for it. */
function readKept(incoming: Incoming, route: Route): Promise<Buffer | Refusal> {
  const { request, response, life } = incoming
  const most = Math.min(longestKept, route.maxBody)
  const tooLong = (): Refusal =>
    gatewayErrors.refuse(route.maxBody < longestKept ? 'body_too_large' : 'body_not_kept')
  const { chunked, length: declared } = bodyLength(request)
  if (declared > most) return Promise.resolve(tooLong())
  if (!chunked && declared === 0) return Promise.resolve(Buffer.alloc(0))
  if (incoming.expectsContinue) response.writeContinue()
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let length = 0
    const cutShort = (): void => resolve(gatewayErrors.refuse('malformed', 'the body ended early'))
    request.on('data', (chunk) => {
      length += chunk.length
      if (length > most) {
        request.pause()
        resolve(tooLong())
      } else chunks.push(Buffer.from(chunk))
    })
    request.on('end', () => resolve(Buffer.concat(chunks)))
    request.on('error', cutShort)
    life.onBroken(resolve)
    life.onOver(cutShort)
  })
}

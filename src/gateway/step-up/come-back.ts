import { hashSecret, isRefusal } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import { cookie, parseReturnTo, readCookie, send } from '../../http/index.ts'
import { contentSecurityPolicy, continuePage, refusalStyleHash } from '../../pages/index.ts'
import type { Session, StepUp } from '../../session/index.ts'
import { apiCookieName, stepUpCookieName } from '../caller/session-cookie.ts'
import { gatewayErrors } from '../errors.ts'
import type { GatewayParts } from '../gateway.ts'
import type { Incoming } from '../incoming/incoming.ts'
import type { Api } from '../route.ts'
import { openRequest } from './seal.ts'
import type { KeptRequest } from './seal.ts'

export const comeBackPath = '/.proofgate/session/step-up'
export const continuePath = '/.proofgate/session/continue'
/** The first name of the query of a request that is to be answered with what was kept. */
export const replayMark = '.proofgate-replay='

/** What is kept for the browser that asks, and the session that it has at this API host. */
export interface Claimed {
  readonly stepUp: StepUp
  readonly session: Session
  readonly secrets: { readonly browser: string; readonly stepUp: string }
}

/**
 * Finds what was kept, for the one browser it was kept for.
 *
 * Invariant: the cookie of the step-up and that of the session are both needed, so neither a link nor another
 * browser of the same person gets at it.
 */
export async function claim(
  incoming: Incoming,
  api: Api,
  { parts, secret }: { readonly parts: GatewayParts; readonly secret: string },
): Promise<Claimed | Refusal> {
  const { cookie: cookies } = incoming.request.headers
  const browser = readCookie(cookies, stepUpCookieName(api.secure)) ?? ''
  const handle = readCookie(cookies, apiCookieName(api.secure)) ?? ''
  if (browser === '' || handle === '') return gatewayErrors.refuse('step_up_not_continued')
  const stepUp = await parts.stepUps.load(secret)
  const session = await parts.sessions.load('api', handle)
  const isTheirs =
    stepUp !== undefined &&
    stepUp.api === api.name &&
    stepUp.flowHash === hashSecret('handoff', browser) &&
    session?.audience === api.name &&
    session.id === stepUp.sessionId &&
    session.personId === stepUp.personId
  if (!isTheirs) return gatewayErrors.refuse('step_up_not_continued')
  return { stepUp, session, secrets: { browser, stepUp: secret } }
}

/** A browser comes back from its touch: its session is the stronger one from now on, under a new handle. */
export async function comeBack(
  incoming: Incoming,
  api: Api,
  parts: GatewayParts,
): Promise<Refusal | 'served'> {
  const query = queryOf(incoming)
  const secret = query.get('request') ?? ''
  const claimed = await claim(incoming, api, { parts, secret })
  if (isRefusal(claimed)) return claimed
  const parent = await parts.handoffs.redeem({
    secret: query.get('ticket') ?? '',
    api: api.name,
    flowHash: claimed.stepUp.flowHash,
  })
  const proved = parent === undefined ? undefined : await parts.sessions.loadById(parent)
  if (proved?.personId !== claimed.stepUp.personId) {
    return gatewayErrors.refuse('step_up_not_continued')
  }
  const handle = await strengthen(claimed, proved, { incoming, parts })
  if (handle === undefined) return gatewayErrors.refuse('step_up_not_continued')
  const location =
    claimed.stepUp.method === 'POST'
      ? `${continuePath}?request=${secret}`
      : await whereTo(claimed, parts)
  if (location === undefined) return gatewayErrors.refuse('step_up_not_continued')
  send(incoming.response, 303, '', {
    location,
    'set-cookie': cookie({
      name: apiCookieName(api.secure),
      value: handle,
      secure: api.secure,
      sameSite: 'Lax',
    }),
    'x-request-id': incoming.requestId,
  })
  return 'served'
}

/**
 * The same session under a new handle, or a new one where the person had to sign in again meanwhile.
 *
 * @returns the handle; nothing when that sign-in has ended meanwhile.
 */
async function strengthen(
  { stepUp, session }: Claimed,
  proved: Session,
  { incoming, parts }: { readonly incoming: Incoming; readonly parts: GatewayParts },
): Promise<string | undefined> {
  const isSame = session.parentId === proved.id
  const { address } = incoming
  const opened = isSame
    ? { session, handle: await parts.sessions.strengthen(session) }
    : await parts.sessions.openForApi(proved, { api: stepUp.api, address })
  if (opened === undefined) return undefined
  if (!isSame) {
    await parts.stepUps.rebind(stepUp, opened.session.id)
    await parts.sessions.end(session.id)
  }
  await parts.audit.append({
    id: incoming.requestId,
    kind: 'session',
    action: 'session.step_up_api',
    outcome: 'success',
    reason: 'session.step_up_api.done',
    who: { subject: session.personId, session: opened.session.id },
    where: { address },
    what: { api: stepUp.api, parent: proved.id, route: stepUp.route },
  })
  return opened.handle
}

/** The page a GET was for; taken, since it is all there is to do. */
async function whereTo(claimed: Claimed, parts: GatewayParts): Promise<string | undefined> {
  const kept = await takeKept(claimed, parts)
  return kept === undefined ? undefined : parseReturnTo(kept.target)
}

/** Invariant: taken before it is opened, so that it is sent once at the most. */
export async function takeKept(
  { stepUp, secrets }: Claimed,
  parts: GatewayParts,
): Promise<KeptRequest | undefined> {
  const taken = await parts.stepUps.take(stepUp)
  return taken.outcome === 'taken' ? openRequest(stepUp.sealed, secrets, stepUp) : undefined
}

/** Asks for the one press of a button that sends what was kept. Shown as often as it is loaded. */
export async function showContinue(
  incoming: Incoming,
  api: Api,
  parts: GatewayParts,
): Promise<Refusal | 'served'> {
  const secret = queryOf(incoming).get('request') ?? ''
  const claimed = await claim(incoming, api, { parts, secret })
  if (isRefusal(claimed)) return claimed
  const kept = openRequest(claimed.stepUp.sealed, claimed.secrets, claimed.stepUp)
  if (kept === undefined || claimed.stepUp.method !== 'POST') {
    return gatewayErrors.refuse('step_up_not_continued')
  }
  const [path = '/'] = kept.target.split('?', 1)
  const page = continuePage({
    host: new URL(api.origin).host,
    route: claimed.stepUp.route,
    action: `${path}?${replayMark}${secret}`,
  })
  send(incoming.response, 200, page, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': contentSecurityPolicy({ inlineStyle: refusalStyleHash() }),
    'referrer-policy': 'same-origin',
    'x-frame-options': 'DENY',
    'x-request-id': incoming.requestId,
  })
  return 'served'
}

function queryOf({ request }: Incoming): URLSearchParams {
  return new URLSearchParams((request.url ?? '').split('?')[1] ?? '')
}

import { hashSecret, randomToken } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import { sdkScript } from '../../pages/index.ts'
import { cookie, parseReturnTo, readCookie, send, sendJson } from '../../http/index.ts'
import { proofAlgorithms } from '../../token/index.ts'
import { gatewayErrors } from '../errors.ts'
import type { GatewayParts, GatewayTable } from '../gateway.ts'
import type { Incoming } from '../incoming/incoming.ts'
import type { Api } from '../route.ts'
import { comeBack, comeBackPath, continuePath, showContinue } from '../step-up/come-back.ts'
import { apiCookieName, flowCookieName } from './session-cookie.ts'

const flowLifetime = 600
const callbackPath = '/.proofgate/session/callback'
const endPath = '/.proofgate/session/end'
const scriptPath = '/.proofgate/js/'
const metadataPath = '/.well-known/oauth-protected-resource'

/** Addresses at every API host that are the gateway's own and never a route's. */
export function isOwnPath(path: string): boolean {
  return path.startsWith('/.proofgate/') || path === metadataPath
}

/**
 * Sends a browser to sign in. A cookie that only this browser holds carries where it wanted to go and is
 * what the ticket it comes back with must fit, so nobody can be signed in as somebody else by a link.
 */
export function beginSignIn(incoming: Incoming, api: Api, table: GatewayTable): void {
  const secret = randomToken()
  const wanted = parseReturnTo(incoming.request.url)
  const value = `${secret}.${Buffer.from(wanted).toString('base64url')}`
  const query = new URLSearchParams({ api: api.name, flow: hashSecret('handoff', secret) })
  send(incoming.response, 303, '', {
    location: `${table.identityBase}/handoff?${query.toString()}`,
    'set-cookie': cookie({
      name: flowCookieName(api.secure),
      value,
      secure: api.secure,
      sameSite: 'Lax',
      maxAge: flowLifetime,
    }),
    'x-request-id': incoming.requestId,
  })
}

/** The addresses of sign-in, and what pages of the host load. `undefined` for every other path. */
export function serveSessionPath(
  incoming: Incoming,
  api: Api,
  context: { parts: GatewayParts; table: GatewayTable },
): Promise<Refusal | 'served'> | undefined {
  const [path = ''] = (incoming.request.url ?? '').split('?', 1)
  const serve = ownPaths.get(`${incoming.method} ${path}`)
  if (serve !== undefined) return serve(incoming, api, context)
  if (path.startsWith(scriptPath) && incoming.method === 'GET') {
    return Promise.resolve(sendScript(incoming, path.slice(scriptPath.length)))
  }
  return undefined
}

type OwnPath = (
  incoming: Incoming,
  api: Api,
  context: { parts: GatewayParts; table: GatewayTable },
) => Promise<Refusal | 'served'>

const ownPaths: ReadonlyMap<string, OwnPath> = new Map<string, OwnPath>([
  [`GET ${callbackPath}`, (incoming, api, { parts }) => finishSignIn(incoming, api, parts)],
  [`GET ${comeBackPath}`, (incoming, api, { parts }) => comeBack(incoming, api, parts)],
  [`GET ${continuePath}`, (incoming, api, { parts }) => showContinue(incoming, api, parts)],
  [`POST ${endPath}`, (incoming, api, { parts }) => endSession(incoming, api, parts)],
  [
    `GET ${metadataPath}`,
    (incoming, api, { table }) => Promise.resolve(sendMetadata(incoming, api, table)),
  ],
])

async function finishSignIn(
  incoming: Incoming,
  api: Api,
  parts: GatewayParts,
): Promise<Refusal | 'served'> {
  const query = new URLSearchParams((incoming.request.url ?? '').split('?')[1] ?? '')
  const flow = readCookie(incoming.request.headers.cookie, flowCookieName(api.secure)) ?? ''
  const [secret = '', wanted = ''] = flow.split('.')
  // Anybody knows the hash of nothing: a ticket for it fits every browser that never began.
  if (secret === '') return gatewayErrors.refuse('sign_in_not_continued')
  const parent = await parts.handoffs.redeem({
    secret: query.get('ticket') ?? '',
    api: api.name,
    flowHash: hashSecret('handoff', secret),
  })
  const session = parent === undefined ? undefined : await parts.sessions.loadById(parent)
  if (session === undefined) return gatewayErrors.refuse('sign_in_not_continued')
  const opened = await parts.sessions.openForApi(session, {
    api: api.name,
    address: incoming.address,
  })
  if (opened === undefined) return gatewayErrors.refuse('sign_in_not_continued')
  await parts.audit.append({
    id: incoming.requestId,
    kind: 'session',
    action: 'session.open_api',
    outcome: 'success',
    reason: 'session.open_api.done',
    who: { subject: session.personId, session: opened.session.id },
    where: { address: incoming.address },
    what: { api: api.name, parent: session.id },
  })
  send(incoming.response, 303, '', {
    location: parseReturnTo(Buffer.from(wanted, 'base64url').toString('latin1')),
    'set-cookie': [
      cookie({
        name: apiCookieName(api.secure),
        value: opened.handle,
        secure: api.secure,
        sameSite: 'Lax',
      }),
      cookie({
        name: flowCookieName(api.secure),
        value: '',
        secure: api.secure,
        sameSite: 'Lax',
        maxAge: 0,
      }),
    ],
    'x-request-id': incoming.requestId,
  })
  return 'served'
}

/** Signs out at this API host only. */
async function endSession(
  incoming: Incoming,
  api: Api,
  parts: GatewayParts,
): Promise<Refusal | 'served'> {
  if (incoming.request.headers.origin !== api.origin) return gatewayErrors.refuse('cross_site')
  const name = apiCookieName(api.secure)
  const handle = readCookie(incoming.request.headers.cookie, name)
  const session = handle === undefined ? undefined : await parts.sessions.load('api', handle)
  if (session !== undefined) {
    await parts.sessions.end(session.id)
    await parts.audit.append({
      id: incoming.requestId,
      kind: 'session',
      action: 'session.end_api',
      outcome: 'success',
      reason: 'session.end_api.done',
      who: { subject: session.personId, session: session.id },
      where: { address: incoming.address },
      what: { api: api.name },
    })
  }
  send(incoming.response, 303, '', {
    location: '/',
    'set-cookie': cookie({ name, value: '', secure: api.secure, sameSite: 'Lax', maxAge: 0 }),
    'x-request-id': incoming.requestId,
  })
  return 'served'
}

/** Protected resource metadata (RFC 9728): how a program finds out where to get a token. */
function sendMetadata(incoming: Incoming, api: Api, table: GatewayTable): 'served' {
  sendJson(
    incoming.response,
    200,
    {
      resource: api.audience,
      authorization_servers: [table.issuer],
      bearer_methods_supported: ['header'],
      scopes_supported: ['invoke'],
      dpop_signing_alg_values_supported: proofAlgorithms,
    },
    { 'cache-control': 'public, max-age=300', 'x-request-id': incoming.requestId },
  )
  return 'served'
}

/** What pages of the API's host load to have their requests approved. The same for everybody. */
function sendScript({ request, response, requestId }: Incoming, name: string): Refusal | 'served' {
  const script = sdkScript(name)
  if (script === undefined) return gatewayErrors.refuse('no_route')
  const headers = {
    'content-type': script.contentType,
    'cache-control': 'public, max-age=300',
    etag: script.etag,
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
    'x-request-id': requestId,
  }
  if (request.headers['if-none-match'] === script.etag) send(response, 304, '', headers)
  else send(response, 200, script.body, headers)
  return 'served'
}

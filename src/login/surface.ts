import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Refusal } from '../core/index.ts'
import { checkSameOrigin, httpErrors, Router, sendProblem } from '../http/index.ts'
import type { HttpExchange, RouteTable } from '../http/index.ts'
import { prefillUserCode } from '../oidc/index.ts'
import { contentSecurityPolicy, errorPage, formActionSource } from '../pages/index.ts'
import { addressKey } from '../throttle/index.ts'
import { accountRoutes } from './account-routes.ts'
import { approvalRoutes } from './approval-routes.ts'
import { Browser } from './browser.ts'
import { ceremonyRoutes } from './ceremony-routes.ts'
import { loginErrors } from './errors.ts'
import { interactionRoutes } from './interaction-routes.ts'
import { pageRoutes } from './page-routes.ts'
import { breakGlassRoutes } from './passkeys/break-glass-routes.ts'
import { recoveryRoutes } from './passkeys/recovery-routes.ts'
import { renewalRoutes } from './passkeys/renewal-routes.ts'
import type { IdentityParts } from './surface-parts.ts'

/** Per source address, over everything this surface answers. */
const requestsPerAddress = { rate: 50, burst: 500 }

/** Paths that the OpenID provider library answers. */
const providerPaths =
  /^\/(oauth2\/|device(\/|$)|logout(\/|$)|\.well-known\/(openid-configuration|jwks\.json|oauth-authorization-server)$)/

/** Everything the identity origin answers. */
export class IdentitySurface {
  readonly #parts: IdentityParts
  readonly #browser: Browser
  readonly #router: Router

  /** @param more - what else the identity origin answers, below the same path. */
  constructor(parts: IdentityParts, ...more: readonly RouteTable[]) {
    this.#parts = parts
    this.#browser = new Browser(parts)
    this.#router = new Router(
      pageRoutes(parts, this.#browser),
      ceremonyRoutes(parts, this.#browser),
      accountRoutes(parts, this.#browser),
      renewalRoutes(parts, this.#browser),
      recoveryRoutes(parts, this.#browser),
      breakGlassRoutes(parts, this.#browser),
      interactionRoutes(parts, this.#browser),
      approvalRoutes(parts, this.#browser),
      ...more,
    )
  }

  /** The live browser session of a request, for the issuer's prompts and the console. */
  get browser(): Browser {
    return this.#browser
  }

  /** Answers one request. The target has been judged and begins with the surface's base path. */
  async serve(
    request: IncomingMessage,
    response: ServerResponse,
    origin: { requestId: string; address: string },
  ): Promise<void> {
    const exchange = this.#exchangeOf(request, response, origin)
    setHeaders(response, origin.requestId)
    const { hsts } = this.#parts.settings()
    if (hsts !== undefined) response.setHeader('strict-transport-security', hsts)
    if (exchange.path === '/logout') this.#allowReturn(exchange)
    try {
      const limited = this.#limit(exchange)
      const refusal = limited ?? (await this.#dispatch(exchange))
      if (refusal !== undefined) this.#refuse(exchange, refusal)
    } catch (error) {
      this.#parts.onError(error, origin.requestId)
      this.#refuse(exchange, httpErrors.refuse(isUnavailable(error) ? 'unavailable' : 'internal'))
    }
  }

  async #dispatch(exchange: Omit<HttpExchange, 'parameters'>): Promise<Refusal | undefined> {
    if (!providerPaths.test(exchange.path)) return this.#router.run(exchange)
    return this.#callProvider(exchange)
  }

  /**
   * The library builds addresses from the request, so it is told ours and nothing a client sends.
   * Invariant: issuer and links come from the configuration only.
   */
  async #callProvider(exchange: Omit<HttpExchange, 'parameters'>): Promise<Refusal | undefined> {
    const { request, response, path, query } = exchange
    const { origin, base } = this.#parts.settings()
    const fromForm = request.method === 'POST' && /^\/(device|logout)/.test(path)
    const crossSite = fromForm ? checkSameOrigin(request, origin) : undefined
    if (crossSite !== undefined) return crossSite
    const url = new URL(origin)
    for (const name of Object.keys(request.headers)) {
      if (name.startsWith('x-forwarded-') || name === 'forwarded') delete request.headers[name]
    }
    request.headers['x-forwarded-for'] = exchange.address
    request.headers['x-forwarded-proto'] = url.protocol.slice(0, -1)
    request.headers['x-forwarded-host'] = url.host
    request.headers.host = url.host
    const userCode = path === '/device' && request.method === 'GET' ? query.get('user_code') : null
    if (userCode !== null) prefillUserCode(request, userCode.slice(0, 32))
    const search = userCode === null && query.size > 0 ? `?${rawQuery(request)}` : ''
    request.url = `${path}${search}`
    Object.assign(request, { originalUrl: `${base}${path}${search}` })
    const provider = await this.#parts.provider()
    await provider.callback()(request, response)
    return undefined
  }

  /** The form that signs out may lead back to a client, to an address declared for that. */
  #allowReturn({ response, query }: Omit<HttpExchange, 'parameters'>): void {
    const back = query.get('post_logout_redirect_uri') ?? ''
    const { clients } = this.#parts.settings()
    if (!clients.some((client) => client.postLogoutRedirectUris.includes(back))) return
    const policy = contentSecurityPolicy({ formAction: [formActionSource(back)] })
    response.setHeader('content-security-policy', policy)
  }

  #limit(exchange: Omit<HttpExchange, 'parameters'>): Refusal | undefined {
    const { buckets, clock, userCodeTries } = this.#parts
    const key = `identity/${addressKey(exchange.address)}`
    const codes = exchange.path === '/device' && exchange.request.method === 'POST'
    const wait = Math.max(
      buckets.take(key, requestsPerAddress, clock.now()),
      codes ? userCodeTries.waitFor(exchange.address) : 0,
    )
    if (wait === 0) return undefined
    return loginErrors.refuse('too_many_tries', undefined, {
      'retry-after': String(Math.ceil(wait / 1000)),
    })
  }

  #exchangeOf(
    request: IncomingMessage,
    response: ServerResponse,
    origin: { requestId: string; address: string },
  ): Omit<HttpExchange, 'parameters'> {
    const target = request.url ?? '/'
    const mark = target.indexOf('?')
    const whole = mark === -1 ? target : target.slice(0, mark)
    const { base } = this.#parts.settings()
    const path = whole.slice(base.length)
    return {
      request,
      response,
      ...origin,
      path: path === '' ? '/' : path,
      query: new URLSearchParams(mark === -1 ? '' : target.slice(mark + 1)),
    }
  }

  #refuse(exchange: Omit<HttpExchange, 'parameters'>, refusal: Refusal): void {
    const { request, response, requestId } = exchange
    for (const [name, value] of Object.entries(refusal.headers ?? {})) {
      if (!response.headersSent) response.setHeader(name, value)
    }
    if (!(request.headers.accept ?? '').includes('text/html')) {
      sendProblem(response, refusal, requestId)
      return
    }
    const { base } = this.#parts.settings()
    const retryAfter = refusal.headers?.['retry-after']
    const view = {
      base,
      status: refusal.status,
      title: refusal.title,
      code: refusal.code,
      requestId,
      ...(retryAfter === undefined ? {} : { retryAfter: Number(retryAfter) }),
    }
    this.#browser.page({ ...exchange, parameters: {} }, refusal.status, errorPage(view))
  }
}

/** Set before anything answers; the library adds the hash of its one inline script to the policy. */
function setHeaders(response: ServerResponse, requestId: string): void {
  response.setHeader('x-request-id', requestId)
  response.setHeader('content-security-policy', contentSecurityPolicy())
  // Not `no-referrer`: under that, browsers send `Origin: null` with our own forms.
  response.setHeader('referrer-policy', 'same-origin')
  response.setHeader('x-frame-options', 'DENY')
  response.setHeader('x-content-type-options', 'nosniff')
  response.setHeader('cross-origin-opener-policy', 'same-origin')
  response.setHeader('cross-origin-resource-policy', 'same-origin')
  response.setHeader(
    'permissions-policy',
    'publickey-credentials-get=(self), publickey-credentials-create=(self)',
  )
  response.setHeader('cache-control', 'no-store')
}

function rawQuery(request: IncomingMessage): string {
  const target = request.url ?? ''
  return target.slice(target.indexOf('?') + 1)
}

function isUnavailable(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' && /^(storage|audit)\./.test(code)
}

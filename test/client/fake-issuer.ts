import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { calculateJwkThumbprint, EmbeddedJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose'

interface Code {
  redirectUri: string
  challenge: string
  nonce: string
  thumbprint: string
}
interface Family {
  thumbprint: string
  live: string
  revoked: boolean
  nonce: string | undefined
}

/** How one test wants the server to misbehave. */
export interface Faults {
  denyAuthorization?: boolean
  wrongIss?: boolean
  noIss?: boolean
  extraState?: boolean
  bearer?: boolean
  wrongAudience?: boolean
  wrongNonce?: boolean
  discoveredIssuer?: string
  demandNonce?: boolean
  deviceAnswers?: string[]
  metadataResource?: string
  metadataStatus?: number
  apiNonce?: boolean
  rejectTokens?: number
  tokenDelay?: number
  revocationStatus?: number
  lifetime?: number
  /** The API takes no token of a sign-in that was not asked for with this (RFC 9470). */
  demand?: string
  subject?: string
  /** Answers in place of the API whoever was let in; `undefined` where it does not. */
  api?: (request: IncomingMessage, url: URL) => Answered | undefined
  /** A page of the issuer that a browser opened. */
  visited?: (url: URL) => void
}

export interface Answered {
  readonly status: number
  readonly body: object
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * An OAuth server and an API behind one port, by names: it checks PKCE, the signature of every proof, its
 * method, address, `ath`, nonce and single use, and ends a family whose refresh token comes twice.
 */
export async function startFakeIssuer(): Promise<FakeIssuer> {
  const keys = await generateKeyPair('ES256')
  const server = createServer()
  const issuer = new FakeIssuer(keys)
  server.on('request', (request, response) => {
    issuer.serve(request, response).catch((error: unknown) => {
      response.statusCode = 500
      response.end(String(error))
    })
  })
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done)
  })
  issuer.open((server.address() as AddressInfo).port, () => {
    server.closeAllConnections()
    server.close()
  })
  return issuer
}

export class FakeIssuer {
  url = ''
  api = ''
  port = 0
  faults: Faults = {}
  /** What time it is here. */
  now = (): number => Date.now()
  readonly families = new Map<string, Family>()
  readonly seen: {
    method: string
    path: string
    headers: IncomingMessage['headers']
    body: string
  }[] = []
  /** What authorization was asked for with, the last time. */
  asked = ''
  refreshes = 0
  reuses = 0
  problems: string[] = []
  readonly #keys
  readonly #codes = new Map<string, Code>()
  readonly #proofs = new Set<string>()
  close = (): void => undefined

  constructor(keys: Awaited<ReturnType<typeof generateKeyPair>>) {
    this.#keys = keys
  }

  open(port: number, close: () => void): void {
    this.port = port
    this.url = `http://auth.proofgate.localhost:${port}`
    this.api = `http://api.proofgate.localhost:${port}`
    this.close = close
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const host = request.headers.host ?? ''
    const url = new URL(request.url ?? '/', `http://${host}`)
    if (host.startsWith('auth.')) await this.#serveIssuer(request, response, url)
    else await this.#serveApi(request, response, url)
  }

  async #serveIssuer(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    if (url.pathname === '/.well-known/openid-configuration') {
      json(response, 200, {
        issuer: this.faults.discoveredIssuer ?? this.url,
        authorization_endpoint: `${this.url}/oauth2/authorize`,
        token_endpoint: `${this.url}/oauth2/token`,
        device_authorization_endpoint: `${this.url}/oauth2/device_authorization`,
        revocation_endpoint: `${this.url}/oauth2/revoke`,
      })
      return
    }
    if (url.pathname === '/oauth2/authorize') {
      this.#authorize(response, url)
      return
    }
    this.faults.visited?.(url)
    const form = new URLSearchParams(await text(request))
    if (form.get('client_id') !== 'proofgate-cli') {
      json(response, 401, { error: 'invalid_client' })
    } else if (url.pathname === '/oauth2/token') {
      await this.#token(request, response, form)
    } else if (url.pathname === '/oauth2/device_authorization') {
      json(response, 200, {
        device_code: 'device-1',
        user_code: 'WDJB-MJHT',
        verification_uri: `${this.url}/device`,
        verification_uri_complete: `${this.url}/device?user_code=WDJB-MJHT`,
        expires_in: 60,
        interval: 0.01,
      })
    } else if (url.pathname === '/oauth2/revoke') {
      for (const family of this.families.values()) {
        if (family.live === form.get('token')) family.revoked = true
      }
      response.statusCode = this.faults.revocationStatus ?? 200
      response.end()
    } else {
      json(response, 404, { error: 'not_found' })
    }
  }

  #authorize(response: ServerResponse, url: URL): void {
    const query = url.searchParams
    this.asked = `acr_values="${query.get('acr_values') ?? ''}", max_age="${query.get('max_age') ?? ''}"`
    const redirectUri = query.get('redirect_uri') ?? ''
    const fits =
      query.get('client_id') === 'proofgate-cli' &&
      query.get('response_type') === 'code' &&
      query.get('prompt') === 'consent' &&
      query.get('code_challenge_method') === 'S256' &&
      /^http:\/\/127\.0\.0\.1:\d+\/callback$/.test(redirectUri)
    if (!fits) {
      json(response, 400, { error: 'invalid_request' })
      return
    }
    const code = randomUUID()
    this.#codes.set(code, {
      redirectUri,
      challenge: query.get('code_challenge') ?? '',
      nonce: query.get('nonce') ?? '',
      thumbprint: query.get('dpop_jkt') ?? '',
    })
    const back = new URL(redirectUri)
    if (this.faults.denyAuthorization === true) back.searchParams.set('error', 'access_denied')
    else back.searchParams.set('code', code)
    back.searchParams.set('state', query.get('state') ?? '')
    if (this.faults.extraState === true) back.searchParams.append('state', 'x')
    if (this.faults.noIss !== true) {
      back.searchParams.set('iss', this.faults.wrongIss === true ? 'http://evil' : this.url)
    }
    response.writeHead(303, { location: back.href }).end()
  }

  async #token(
    request: IncomingMessage,
    response: ServerResponse,
    form: URLSearchParams,
  ): Promise<void> {
    const proof = await this.#checkProof(request, `${this.url}/oauth2/token`, undefined)
    if (typeof proof === 'string') {
      this.problems.push(proof)
      json(response, 400, { error: 'invalid_dpop_proof', error_description: proof })
      return
    }
    if (this.faults.demandNonce === true && proof.nonce !== 'nonce-1') {
      response.setHeader('dpop-nonce', 'nonce-1')
      json(response, 400, { error: 'use_dpop_nonce' })
      return
    }
    const outcome = this.#redeem(form, proof.thumbprint)
    if (typeof outcome === 'string') {
      json(response, 400, { error: outcome, error_description: 'no\u001b[2Jtrick' })
      return
    }
    if (this.faults.tokenDelay !== undefined) {
      await new Promise((done) => setTimeout(done, this.faults.tokenDelay))
    }
    outcome.live = randomBytes(24).toString('base64url')
    json(response, 200, await this.#issue(outcome, form.get('resource') ?? this.api))
  }

  #redeem(form: URLSearchParams, thumbprint: string): Family | string {
    const grant = form.get('grant_type')
    if (grant === 'refresh_token') return this.#rotate(form, thumbprint)
    if (grant === 'urn:ietf:params:oauth:grant-type:device_code') {
      const next = this.faults.deviceAnswers?.shift()
      if (next !== undefined) return next
      return this.#found(thumbprint, undefined)
    }
    const code = this.#codes.get(form.get('code') ?? '')
    this.#codes.delete(form.get('code') ?? '')
    if (code === undefined || code.redirectUri !== form.get('redirect_uri')) return 'invalid_grant'
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    if (challenge !== code.challenge || thumbprint !== code.thumbprint) return 'invalid_grant'
    return this.#found(thumbprint, code.nonce)
  }

  #found(thumbprint: string, nonce: string | undefined): Family {
    const family = { thumbprint, live: '', revoked: false, nonce }
    this.families.set(randomUUID(), family)
    return family
  }

  readonly #used = new Map<string, Family>()

  #rotate(form: URLSearchParams, thumbprint: string): Family | string {
    this.refreshes++
    const token = form.get('refresh_token') ?? ''
    const reused = this.#used.get(token)
    if (reused !== undefined) {
      this.reuses++
      reused.revoked = true
      return 'invalid_grant'
    }
    const family = [...this.families.values()].find(({ live }) => live === token)
    if (family === undefined || family.revoked || family.thumbprint !== thumbprint)
      return 'invalid_grant'
    const resource = form.get('resource')
    if (resource !== null && !resource.startsWith(this.api)) return 'invalid_target'
    this.#used.set(token, family)
    return family
  }

  async #issue(family: Family, audience: string): Promise<object> {
    const lifetime = this.faults.lifetime ?? 300
    const sign = (claims: Record<string, unknown>, aud: string): Promise<string> =>
      new SignJWT({ jti: randomUUID(), ...claims })
        .setProtectedHeader({ alg: 'ES256' })
        .setIssuer(this.url)
        .setAudience(aud)
        .setSubject(this.faults.subject ?? 'person-1')
        .setIssuedAt()
        .setExpirationTime('5m')
        .sign(this.#keys.privateKey)
    return {
      access_token: await sign(
        { cnf: { jkt: family.thumbprint } },
        this.faults.wrongAudience === true ? 'http://other.localhost' : audience,
      ),
      token_type: this.faults.bearer === true ? 'Bearer' : 'DPoP',
      expires_in: lifetime,
      refresh_token: family.live,
      id_token: await sign(
        {
          name: 'Ada \u001b[31mL',
          preferred_username: 'ada',
          groups: ['admins'],
          acr: 'phr',
          auth_time: 1_700_000_000,
          nonce: this.faults.wrongNonce === true ? 'x' : family.nonce,
        },
        'proofgate-cli',
      ),
    }
  }

  async #serveApi(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    if (url.pathname === '/.well-known/oauth-protected-resource') {
      const status = this.faults.metadataStatus ?? 200
      json(response, status, { resource: this.faults.metadataResource ?? this.api })
      return
    }
    const refusal = await this.#checkCaller(request, url)
    const body = await text(request)
    this.seen.push({
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body,
    })
    if (refusal !== undefined) {
      response.setHeader('www-authenticate', refusal)
      if (refusal.includes('use_dpop_nonce')) response.setHeader('dpop-nonce', 'api-nonce')
      json(response, 401, { error: refusal })
      return
    }
    const answered = this.faults.api?.(request, url)
    if (answered !== undefined) {
      for (const [name, value] of Object.entries(answered.headers ?? {})) {
        response.setHeader(name, value)
      }
      json(response, answered.status, answered.body)
      return
    }
    if (url.pathname === '/missing') json(response, 404, { code: 'missing' })
    else if (url.pathname === '/moved') response.writeHead(302, { location: '/' }).end('moved\n')
    else if (url.pathname === '/broken') {
      response.writeHead(200, { 'content-length': '100' })
      response.write('part')
      setTimeout(() => response.destroy(), 20)
    } else if (url.pathname === '/never') return
    else json(response, 200, { method: request.method, path: request.url, body })
  }

  async #checkCaller(request: IncomingMessage, url: URL): Promise<string | undefined> {
    const token = /^DPoP (.+)$/.exec(request.headers.authorization ?? '')?.[1]
    if (token === undefined) return 'DPoP error="missing"'
    const { payload } = await jwtVerify(token, this.#keys.publicKey, {
      issuer: this.url,
      audience: this.api,
    })
    const proof = await this.#checkProof(request, `${this.api}${url.pathname}`, token)
    if (typeof proof === 'string') {
      this.problems.push(proof)
      return `DPoP error="invalid_dpop_proof", error_description="${proof}"`
    }
    if ((payload['cnf'] as { jkt: string }).jkt !== proof.thumbprint)
      return 'DPoP error="invalid_token"'
    if (this.faults.apiNonce === true && proof.nonce !== 'api-nonce')
      return 'DPoP error="use_dpop_nonce"'
    const { demand } = this.faults
    if (demand !== undefined && demand !== this.asked) {
      return `DPoP error="insufficient_user_authentication", ${demand}`
    }
    if ((this.faults.rejectTokens ?? 0) > 0) {
      this.faults.rejectTokens = (this.faults.rejectTokens ?? 0) - 1
      return 'DPoP error="invalid_token"'
    }
    return undefined
  }

  async #checkProof(
    request: IncomingMessage,
    htu: string,
    token: string | undefined,
  ): Promise<{ thumbprint: string; nonce: unknown } | string> {
    const proof = request.headers['dpop']
    if (typeof proof !== 'string') return 'no proof'
    try {
      const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
        typ: 'dpop+jwt',
        algorithms: ['ES256'],
        maxTokenAge: 30,
        currentDate: new Date(this.now()),
      })
      const { jwk } = protectedHeader
      if (jwk === undefined || 'd' in jwk) return 'private key in the proof'
      if (payload['htm'] !== request.method || payload['htu'] !== htu) return 'another request'
      if (payload.jti === undefined || this.#proofs.has(payload.jti)) return 'replayed'
      this.#proofs.add(payload.jti)
      const hash =
        token === undefined ? undefined : createHash('sha256').update(token).digest('base64url')
      if (payload['ath'] !== hash) return 'ath of another token'
      return { thumbprint: await calculateJwkThumbprint(jwk), nonce: payload['nonce'] }
    } catch (error) {
      return String(error)
    }
  }
}

function json(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(value))
}

import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { GatewayFacts } from './gateway.ts'
import { Client } from './http.ts'
import type { Answer } from './http.ts'
import { SoftAuthenticator } from './soft-authenticator.ts'

/** Somebody with a software authenticator and a client that keeps cookies. */
export class SoftPerson {
  readonly client = new Client()
  readonly authenticator: SoftAuthenticator
  readonly gateway: GatewayFacts
  /** The form token of the session, once there is one. */
  csrf = ''

  constructor(gateway: GatewayFacts, authenticator = new SoftAuthenticator()) {
    this.gateway = gateway
    this.authenticator = authenticator
  }

  get origin(): string {
    return new URL(this.gateway.identity).origin
  }

  /** Registers a credential: by ticket, or as the signed-in person. */
  async enrol(ticket?: string): Promise<Answer> {
    const { identity } = this.gateway
    const options = await this.client.post(
      `${identity}/webauthn/registration/options`,
      ticket === undefined ? {} : { ticket },
    )
    if (options.status !== 200) return options
    const response = this.authenticator.create(options.json(), { origin: this.origin })
    const answer = await this.client.post(`${identity}/webauthn/registration/verify`, response)
    if (answer.status === 200) this.csrf = answer.json().csrf ?? this.csrf
    return answer
  }

  async enrolByLink(link: string): Promise<Answer> {
    return this.enrol(link.slice(link.lastIndexOf('/') + 1))
  }

  async signIn(purpose: 'sign-in' | 'confirm' = 'sign-in', returnTo?: string): Promise<Answer> {
    const { identity } = this.gateway
    const options = await this.client.post(`${identity}/webauthn/authentication/options`, {
      purpose,
    })
    if (options.status !== 200) return options
    const response = this.authenticator.get(options.json(), { origin: this.origin })
    return this.client.post(`${identity}/webauthn/authentication/verify`, {
      ...response,
      ...(returnTo === undefined ? {} : { returnTo }),
    })
  }

  /** The account page's form token. */
  async readCsrf(): Promise<string> {
    const page = await this.client.call(`${this.gateway.identity}/account`)
    this.csrf = /name="csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
    return this.csrf
  }
}

/** A DPoP key and the proofs it makes (RFC 9449). */
export class ProofKey {
  readonly #privateKey: KeyObject
  readonly jwk: Readonly<Record<string, unknown>>

  constructor() {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    this.#privateKey = pair.privateKey
    const { kty, crv, x, y } = pair.publicKey.export({ format: 'jwk' })
    this.jwk = { kty, crv, x, y }
  }

  prove(method: string, url: string, accessToken?: string, more: object = {}): string {
    const claims = {
      jti: randomBytes(16).toString('base64url'),
      htm: method,
      htu: url.split('?')[0],
      iat: Math.floor(Date.now() / 1000),
      ...(accessToken === undefined
        ? {}
        : { ath: createHash('sha256').update(accessToken).digest('base64url') }),
      ...more,
    }
    return this.signJwt({ typ: 'dpop+jwt', alg: 'ES256', jwk: this.jwk }, claims)
  }

  signJwt(header: object, claims: object): string {
    const input = [header, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    const signature = sign('sha256', Buffer.from(input), {
      key: this.#privateKey,
      dsaEncoding: 'ieee-p1363',
    })
    return `${input}.${signature.toString('base64url')}`
  }
}

export interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
  readonly id_token: string
  readonly token_type: string
  readonly expires_in: number
  readonly scope: string
}

export interface Authorization {
  readonly code: string
  readonly verifier: string
  readonly redirectUri: string
  readonly key: ProofKey
}

const redirectUri = 'http://127.0.0.1:45678/callback'

/** Goes through the code flow as the command line would, up to the code. */
export async function authorize(
  person: SoftPerson,
  more: Readonly<Record<string, string>> = {},
): Promise<Authorization> {
  const verifier = randomBytes(32).toString('base64url')
  const query = new URLSearchParams({
    client_id: 'proofgate-cli',
    response_type: 'code',
    redirect_uri: redirectUri,
    scope: 'openid profile groups offline_access invoke',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    state: 'state-1',
    prompt: 'consent',
    ...more,
  })
  const start = `${person.gateway.issuer}/oauth2/authorize?${query.toString()}`
  const isBack = (location: string): boolean => location.startsWith(redirectUri)
  let reached = await person.client.follow(start, isBack)
  if (!isBack(reached.url)) {
    const back = new URL(reached.url).searchParams.get('return_to') ?? ''
    const signedIn = await person.signIn('sign-in', back)
    const { redirect } = signedIn.json()
    reached = await person.client.follow(new URL(redirect, person.origin).href, isBack)
  }
  const code = new URL(reached.url).searchParams.get('code')
  if (code === null) throw new Error(`no code: ${reached.url} ${reached.answer.text.slice(0, 400)}`)
  return { code, verifier, redirectUri, key: new ProofKey() }
}

/** Asks the token endpoint, with a proof by `key`. */
export function requestTokens(
  person: Pick<SoftPerson, 'gateway' | 'client'>,
  key: ProofKey,
  fields: Readonly<Record<string, string>>,
): Promise<Answer> {
  const url = `${person.gateway.issuer}/oauth2/token`
  return person.client.call(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      dpop: key.prove('POST', url),
    },
    body: new URLSearchParams({ client_id: 'proofgate-cli', ...fields }).toString(),
  })
}

export function codeFields(authorization: Authorization): Record<string, string> {
  return {
    grant_type: 'authorization_code',
    code: authorization.code,
    code_verifier: authorization.verifier,
    redirect_uri: authorization.redirectUri,
  }
}

/** The whole code flow. */
export async function obtainTokens(person: SoftPerson): Promise<{ tokens: Tokens; key: ProofKey }> {
  const authorization = await authorize(person)
  const answer = await requestTokens(person, authorization.key, codeFields(authorization))
  if (answer.status !== 200) throw new Error(`no tokens: ${answer.text}`)
  return { tokens: answer.json(), key: authorization.key }
}

/** Headers of a DPoP-bound call. */
export function boundHeaders(
  key: ProofKey,
  token: string,
  method: string,
  url: string,
): Record<string, string> {
  return { authorization: `DPoP ${token}`, dpop: key.prove(method, url, token) }
}

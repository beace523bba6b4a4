import { isJsonObject, ownProperty, parseJson } from '../core/index.ts'
import type { Clock, JsonObject } from '../core/index.ts'
import { failure } from './errors.ts'
import type { ProofKey } from './proof-key.ts'
import { printable } from './terminal.ts'
import {
  exchange,
  parseAddress,
  isDistrusted,
  reasonOf,
  requireSafeTransport,
  trustHint,
} from './transport.ts'
import type { WireAnswer } from './transport.ts'

/** The client the issuer knows the command line as. */
export const clientId = 'proofgate-cli'
const answerLimits = { length: 1024 * 1024, depth: 16 }

/** What the discovery document says, checked. */
export interface Issuer {
  readonly issuer: string
  readonly authorizationEndpoint: URL
  readonly tokenEndpoint: URL
  readonly deviceEndpoint: URL | undefined
  readonly revocationEndpoint: URL | undefined
}

export interface IssuedTokens {
  readonly accessToken: string
  /** Seconds. */
  readonly expiresIn: number
  readonly refreshToken: string | undefined
  readonly idToken: string | undefined
}

/** An OAuth error answer (RFC 6749 5.2), printable. */
export interface OAuthError {
  readonly error: string
  readonly description: string
}

/** An issuer is an http(s) address without query and fragment (RFC 8414 2); a last slash is dropped. */
export function parseIssuer(text: string): string {
  const url = parseAddress(text)
  if (url === undefined || url.search !== '' || url.hash !== '') {
    throw failure('issuer_invalid', `'${printable(text)}' is not the address of an issuer`)
  }
  requireSafeTransport(url)
  return url.href.replace(/\/$/, '')
}

/** OpenID Connect Discovery 4. */
export async function discover(issuer: string): Promise<Issuer> {
  const url = new URL(`${issuer}/.well-known/openid-configuration`)
  const answer = await ask(issuer, { method: 'GET', url })
  const document = parseJson(answer.text, answerLimits)
  if (answer.status !== 200 || !isJsonObject(document)) {
    throw failure('issuer_misbehaves', `${issuer} is not an OpenID issuer (${answer.status})`)
  }
  // 4.3: else the document could send us, and our code, somewhere else.
  if (ownProperty(document, 'issuer') !== issuer) {
    throw failure('issuer_misbehaves', `${issuer} says it is another issuer`)
  }
  return {
    issuer,
    authorizationEndpoint: required(document, 'authorization_endpoint'),
    tokenEndpoint: required(document, 'token_endpoint'),
    deviceEndpoint: endpoint(document, 'device_authorization_endpoint'),
    revocationEndpoint: endpoint(document, 'revocation_endpoint'),
  }
}

/**
 * A request to the token endpoint with a proof of the key; repeated once when the issuer wants a nonce in
 * the proof (RFC 9449 8). Invariant: only an answer that bound the token to the key is accepted.
 */
export async function requestTokens(
  issuer: Issuer,
  request: { key: ProofKey; clock: Clock; form: Readonly<Record<string, string>> },
): Promise<IssuedTokens | OAuthError> {
  let nonce: string | undefined
  for (;;) {
    const url = issuer.tokenEndpoint
    const dpop = request.key.prove({ method: 'POST', url, now: request.clock.now(), nonce })
    const answer = await postForm(issuer.issuer, url, request.form, { dpop })
    const members = membersOf(issuer.issuer, answer)
    if (answer.status === 200) return parseTokens(members)
    const refused = parseError(issuer.issuer, members, answer.status)
    const wanted = answer.headers['dpop-nonce']
    if (refused.error !== 'use_dpop_nonce' || nonce !== undefined) return refused
    if (typeof wanted !== 'string') return refused
    nonce = wanted
  }
}

/** A form sent by this client; the client id is added. */
export async function postForm(
  issuer: string,
  url: URL,
  form: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<WireAnswer> {
  return ask(issuer, {
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams({ client_id: clientId, ...form }).toString(),
  })
}

/** The JSON object of an answer. */
export function membersOf(issuer: string, answer: WireAnswer): JsonObject {
  const members = parseJson(answer.text, answerLimits)
  if (isJsonObject(members)) return members
  throw failure('issuer_misbehaves', `${issuer} gave no JSON answer (${answer.status})`)
}

export function parseError(issuer: string, members: JsonObject, status: number): OAuthError {
  const error = ownProperty(members, 'error')
  const description = ownProperty(members, 'error_description')
  if (typeof error !== 'string') {
    throw failure('issuer_misbehaves', `${issuer} failed without a reason (${status})`)
  }
  return {
    error: printable(error, 60),
    description: typeof description === 'string' ? printable(description) : '',
  }
}

export function isOAuthError(value: object): value is OAuthError {
  return Object.hasOwn(value, 'error')
}

function parseTokens(members: JsonObject): IssuedTokens {
  const accessToken = ownProperty(members, 'access_token')
  const expiresIn = ownProperty(members, 'expires_in')
  const type = ownProperty(members, 'token_type')
  if (typeof accessToken !== 'string' || accessToken === '' || typeof expiresIn !== 'number') {
    throw failure('issuer_misbehaves', 'the issuer gave no access token')
  }
  // RFC 9449 5: anything else is a token that whoever steals it can use.
  if (typeof type !== 'string' || type.toLowerCase() !== 'dpop') {
    throw failure('issuer_misbehaves', 'the issuer gave a token that is not bound to our key')
  }
  const optional = (name: string): string | undefined => {
    const value = ownProperty(members, name)
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  return {
    accessToken,
    expiresIn,
    refreshToken: optional('refresh_token'),
    idToken: optional('id_token'),
  }
}

async function ask(issuer: string, request: Parameters<typeof exchange>[0]): Promise<WireAnswer> {
  try {
    return await exchange(request)
  } catch (error) {
    if (error instanceof Error && error.name === 'ProofgateError') throw error
    throw failure('issuer_unreachable', `${issuer} does not answer: ${reasonOf(error)}`, {
      cause: error,
      ...(isDistrusted(error) ? { hint: trustHint } : {}),
    })
  }
}

function required(document: JsonObject, name: string): URL {
  const url = endpoint(document, name)
  if (url === undefined) throw failure('issuer_misbehaves', `the issuer names no ${name}`)
  return url
}

function endpoint(document: JsonObject, name: string): URL | undefined {
  const value = ownProperty(document, name)
  const url = typeof value === 'string' ? parseAddress(value) : undefined
  if (url !== undefined) requireSafeTransport(url)
  return url
}

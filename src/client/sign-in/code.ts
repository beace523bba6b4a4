import { createHash } from 'node:crypto'
import { randomToken, toBase64url } from '../../core/index.ts'
import type { Clock } from '../../core/index.ts'
import { openBrowser } from '../browser.ts'
import { failure } from '../errors.ts'
import { clientId, isOAuthError, requestTokens } from '../issuer.ts'
import type { IssuedTokens, Issuer, OAuthError } from '../issuer.ts'
import { openLoopback } from './loopback.ts'
import type { ProofKey } from '../proof-key.ts'
import { say } from '../terminal.ts'

const usualScope = 'openid profile groups offline_access invoke'

/** What is asked for; with a role, tokens are for that role alone. */
export function scopeFor(role: string | undefined): string {
  return role === undefined ? usualScope : `${usualScope} role:${role}`
}

/** What a way of signing in gives: the tokens, and the nonce their ID token must carry, if any. */
export interface SignedIn {
  readonly tokens: IssuedTokens
  readonly nonce: string | undefined
}

/** What a sign-in has to prove beside who it is, as an API's challenge spells it (RFC 9470 3). */
export interface Demand {
  /** Seconds. */
  readonly maxAge: string | undefined
  readonly acrValues: string | undefined
}

export interface SignInParts {
  readonly key: ProofKey
  readonly clock: Clock
}

/**
 * Authorization code with PKCE over a loopback redirect (RFC 8252, RFC 7636, RFC 9207); the code is bound
 * to our key from the start (RFC 9449 10).
 *
 * @param options.timeout - milliseconds the person has.
 */
export async function signInByBrowser(
  issuer: Issuer,
  parts: SignInParts,
  options: {
    browser: boolean
    timeout: number
    role?: string | undefined
    demand?: Demand | undefined
  },
): Promise<SignedIn> {
  const state = randomToken()
  const nonce = randomToken()
  const verifier = randomToken()
  const loopback = await openLoopback({ state, issuer: issuer.issuer, timeout: options.timeout })
  try {
    const { redirectUri } = loopback
    const { thumbprint } = parts.key
    const scope = scopeFor(options.role)
    const { demand } = options
    const asked = { state, nonce, verifier, redirectUri, thumbprint, scope, demand }
    await invite(authorizationUrl(issuer, asked), options.browser)
    const callback = await loopback.callback
    try {
      const tokens = await redeem(issuer, parts, { code: callback.code, verifier, redirectUri })
      callback.finish(true)
      return { tokens, nonce }
    } catch (error) {
      callback.finish(false)
      throw error
    }
  } finally {
    loopback.close()
  }
}

function authorizationUrl(
  issuer: Issuer,
  asked: {
    state: string
    nonce: string
    verifier: string
    redirectUri: string
    thumbprint: string
    scope: string
    demand: Demand | undefined
  },
): string {
  const url = new URL(issuer.authorizationEndpoint)
  const parameters = {
    client_id: clientId,
    response_type: 'code',
    scope: asked.scope,
    redirect_uri: asked.redirectUri,
    state: asked.state,
    nonce: asked.nonce,
    code_challenge: toBase64url(createHash('sha256').update(asked.verifier).digest()),
    code_challenge_method: 'S256',
    dpop_jkt: asked.thumbprint,
    // OpenID Connect Core 11: without it there is no `offline_access`.
    prompt: 'consent',
  }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  const { maxAge, acrValues } = asked.demand ?? {}
  if (maxAge !== undefined) url.searchParams.set('max_age', maxAge)
  if (acrValues !== undefined) url.searchParams.set('acr_values', acrValues)
  return url.href
}

async function invite(url: string, browser: boolean): Promise<void> {
  say('Sign in at:')
  say('')
  say(`  ${url}`)
  say('')
  const opened = browser && (await openBrowser(url))
  if (opened) say('Your browser should show it now. Waiting for you there (Ctrl-C ends this)...')
  else say('Open it in a browser on this machine. Elsewhere: proofgate login --device')
}

async function redeem(
  issuer: Issuer,
  parts: SignInParts,
  redemption: { code: string; verifier: string; redirectUri: string },
): Promise<IssuedTokens> {
  const tokens = await requestTokens(issuer, {
    ...parts,
    form: {
      grant_type: 'authorization_code',
      code: redemption.code,
      code_verifier: redemption.verifier,
      redirect_uri: redemption.redirectUri,
    },
  })
  if (isOAuthError(tokens)) throw signInFailure(tokens)
  return tokens
}

export function signInFailure(refused: OAuthError): ReturnType<typeof failure> {
  const said = refused.description === '' ? '' : `: ${refused.description}`
  return failure('sign_in_refused', `sign-in was refused (${refused.error}${said})`)
}

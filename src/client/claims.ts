import {
  epochSeconds,
  isJsonObject,
  ownProperty,
  parseBase64url,
  parseJson,
} from '../core/index.ts'
import type { Instant, JsonObject } from '../core/index.ts'
import { failure } from './errors.ts'

const longestToken = 64 * 1024
const clockTolerance = 60

/** Who signed in, as the last ID token said it. */
export interface Person {
  readonly subject: string
  readonly name: string | undefined
  readonly username: string | undefined
  readonly groups: readonly string[]
  readonly acr: string | undefined
  readonly amr: readonly string[]
  /** Epoch seconds of the ceremony. */
  readonly authTime: number | undefined
}

/** The claims of a JWT without a look at its signature; `undefined` when it is none. */
export function readClaims(token: string): JsonObject | undefined {
  const parts = token.split('.')
  if (token.length > longestToken || parts.length !== 3) return undefined
  const bytes = parseBase64url(parts[1] ?? '')
  if (bytes === undefined) return undefined
  const claims = parseJson(Buffer.from(bytes).toString('utf8'), { length: longestToken, depth: 8 })
  return isJsonObject(claims) ? claims : undefined
}

/** The one audience of a JWT access token; `undefined` for an opaque token or several audiences. */
export function audienceOf(token: string): string | undefined {
  const claims = readClaims(token)
  const audience = claims === undefined ? undefined : ownProperty(claims, 'aud')
  if (Array.isArray(audience) && audience.length === 1) return text(audience[0])
  return text(audience)
}

/**
 * Checks an ID token that came straight from the token endpoint, so its signature need not be looked at
 * (OpenID Connect Core 3.1.3.7 step 6).
 *
 * @param nonce - what the authorization request carried; undefined where there was none.
 */
export function personOf(
  idToken: string,
  expected: { issuer: string; clientId: string; nonce?: string | undefined; now: Instant },
): Person {
  const claims = readClaims(idToken)
  if (claims === undefined) throw failure('issuer_misbehaves', 'the ID token is not a JWT')
  // Step 2.
  require(ownProperty(claims, 'iss') === expected.issuer, 'issuer')
  // Steps 3 to 5.
  const audience = ownProperty(claims, 'aud')
  const sole: unknown = Array.isArray(audience) && audience.length === 1 ? audience[0] : audience
  require(sole === expected.clientId, 'client')
  // Step 9.
  const expiry = ownProperty(claims, 'exp')
  const now = epochSeconds(expected.now)
  require(typeof expiry === 'number' && expiry + clockTolerance > now, 'time')
  // Step 11.
  if (expected.nonce !== undefined) {
    require(ownProperty(claims, 'nonce') === expected.nonce, 'sign-in')
  }
  return parsePerson(claims, text(ownProperty(claims, 'sub')))
}

function require(holds: boolean, what: string): void {
  if (!holds) throw failure('issuer_misbehaves', `the ID token is for another ${what}`)
}

function parsePerson(claims: JsonObject, subject: string | undefined): Person {
  if (subject === undefined) throw failure('issuer_misbehaves', 'the ID token names nobody')
  const authTime = ownProperty(claims, 'auth_time')
  return {
    subject,
    name: text(ownProperty(claims, 'name')),
    username: text(ownProperty(claims, 'preferred_username')),
    groups: texts(ownProperty(claims, 'groups')),
    acr: text(ownProperty(claims, 'acr')),
    amr: texts(ownProperty(claims, 'amr')),
    authTime: typeof authTime === 'number' ? authTime : undefined,
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

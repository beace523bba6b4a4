import { isJsonObject, ownProperty, parseJson, Secret } from '../core/index.ts'
import type { Instant, JsonObject } from '../core/index.ts'
import type { Person } from './claims.ts'
import { ProofKey } from './proof-key.ts'

/** Large enough for some dozens of access tokens; a file above it was not written by us. */
export const longestProfile = 1024 * 1024
const mostAccessTokens = 32

export interface AccessToken {
  readonly token: Secret
  readonly expiresAt: Instant
}

/** All that this machine keeps of one sign-in at one issuer. */
export interface Profile {
  readonly issuer: string
  readonly person: Person
  readonly key: ProofKey
  readonly refreshToken: Secret
  /** By audience. */
  readonly accessTokens: ReadonlyMap<string, AccessToken>
  /** The API that was asked for last. */
  readonly lastAudience: string | undefined
  /** The role its tokens are for. */
  readonly role: string | undefined
  readonly signedInAt: Instant
}

/** The stored form; it holds every secret. */
export function encodeProfile(profile: Profile, now: Instant): string {
  const live = [...profile.accessTokens].filter(([, { expiresAt }]) => expiresAt > now)
  return JSON.stringify({
    issuer: profile.issuer,
    person: profile.person,
    key: profile.key.toPrivateJwk(),
    refreshToken: profile.refreshToken.reveal(),
    accessTokens: live.slice(-mostAccessTokens).map(([audience, { token, expiresAt }]) => ({
      audience,
      token: token.reveal(),
      expiresAt,
    })),
    lastAudience: profile.lastAudience,
    role: profile.role,
    signedInAt: profile.signedInAt,
  })
}

/** `undefined` for anything that `encodeProfile` does not write. */
export function parseProfile(stored: string): Profile | undefined {
  const value = parseJson(stored, { length: longestProfile, depth: 8 })
  if (!isJsonObject(value)) return undefined
  const issuer = text(value, 'issuer')
  const person = parsePerson(ownProperty(value, 'person'))
  const key = parseKey(ownProperty(value, 'key'))
  const refreshToken = text(value, 'refreshToken')
  const accessTokens = parseAccessTokens(ownProperty(value, 'accessTokens'))
  const signedInAt = ownProperty(value, 'signedInAt')
  if (issuer === undefined || person === undefined || key === undefined) return undefined
  if (refreshToken === undefined || accessTokens === undefined) return undefined
  if (typeof signedInAt !== 'number') return undefined
  return {
    issuer,
    person,
    key,
    refreshToken: new Secret(refreshToken),
    accessTokens,
    lastAudience: text(value, 'lastAudience'),
    role: text(value, 'role'),
    signedInAt,
  }
}

function parsePerson(value: unknown): Person | undefined {
  if (!isJsonObject(value)) return undefined
  const subject = text(value, 'subject')
  const authTime = ownProperty(value, 'authTime')
  if (subject === undefined) return undefined
  return {
    subject,
    name: text(value, 'name'),
    username: text(value, 'username'),
    groups: texts(ownProperty(value, 'groups')),
    acr: text(value, 'acr'),
    amr: texts(ownProperty(value, 'amr')),
    authTime: typeof authTime === 'number' ? authTime : undefined,
  }
}

function parseKey(value: unknown): ProofKey | undefined {
  if (!isJsonObject(value)) return undefined
  try {
    return ProofKey.fromPrivateJwk(value)
  } catch {
    return undefined
  }
}

function parseAccessTokens(value: unknown): Map<string, AccessToken> | undefined {
  if (!Array.isArray(value)) return undefined
  const tokens = new Map<string, AccessToken>()
  for (const item of value as readonly unknown[]) {
    if (!isJsonObject(item)) return undefined
    const audience = text(item, 'audience')
    const token = text(item, 'token')
    const expiresAt = ownProperty(item, 'expiresAt')
    if (audience === undefined || token === undefined) return undefined
    if (typeof expiresAt !== 'number') return undefined
    tokens.set(audience, { token: new Secret(token), expiresAt })
  }
  return tokens
}

function text(value: JsonObject, name: string): string | undefined {
  const member = ownProperty(value, name)
  return typeof member === 'string' && member !== '' ? member : undefined
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

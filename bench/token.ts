/** Signed tokens for the subjects that authorize, and the ways to spoil one. */
import { randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import type { CryptoKey, JWK, KeyObject } from 'jose'

export const TOKEN_LIFETIME_SECONDS = 300

export interface TokenFacts {
  readonly key: CryptoKey | KeyObject | JWK
  readonly keyId: string
  readonly issuer: string
  readonly audience: string
  readonly subject: string
  /** Negative for a token that has expired. */
  readonly lifetimeSeconds?: number
  readonly claims?: Readonly<Record<string, unknown>>
}

/** Signs a JWT access token (RFC 9068) with ES256. */
export function signToken(facts: TokenFacts): Promise<string> {
  const issuedAt = Math.floor(Date.now() / 1000)
  const { lifetimeSeconds = TOKEN_LIFETIME_SECONDS } = facts
  return new SignJWT({ client_id: 'bench', sid: randomUUID(), scope: 'invoke', ...facts.claims })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: facts.keyId })
    .setIssuer(facts.issuer)
    .setAudience(facts.audience)
    .setSubject(facts.subject)
    .setJti(randomUUID())
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + lifetimeSeconds)
    .sign(facts.key)
}

/** The same token with one character of its signature changed. */
export function spoilSignature(token: string): string {
  const at = token.lastIndexOf('.') + 1
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
}

/** The same claims under the header of a token that claims to need no signature. */
export function dropSignature(token: string): string {
  const header = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')
  return `${header}.${token.split('.')[1]}.`
}

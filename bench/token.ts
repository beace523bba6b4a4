/** Signed tokens and DPoP proofs for the subjects that authorize, and the ways to spoil a token. */
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

export const TOKEN_LIFETIME_SECONDS = 300

export interface TokenFacts {
  /** A private P-256 key. */
  readonly key: KeyObject
  readonly keyId: string
  readonly issuer: string
  readonly audience: string
  readonly subject: string
  /** Negative for a token that has expired. */
  readonly lifetimeSeconds?: number
  readonly claims?: Readonly<Record<string, unknown>>
}

/** Signs a JWT access token (RFC 9068) with ES256. */
export function signToken(facts: TokenFacts): string {
  const issuedAt = Math.floor(Date.now() / 1000)
  const { lifetimeSeconds = TOKEN_LIFETIME_SECONDS } = facts
  const claims = {
    client_id: 'bench',
    sid: randomUUID(),
    scope: 'invoke',
    ...facts.claims,
    iss: facts.issuer,
    aud: facts.audience,
    sub: facts.subject,
    jti: randomUUID(),
    iat: issuedAt,
    exp: issuedAt + lifetimeSeconds,
  }
  return signJwt({ alg: 'ES256', typ: 'at+jwt', kid: facts.keyId }, claims, facts.key)
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

export type ProofAlgorithm = 'ES256' | 'EdDSA'

/** The key of a client that proves possession of it with every request (RFC 9449). */
export class ProofKey {
  readonly #algorithm: ProofAlgorithm
  readonly #privateKey: KeyObject
  readonly #jwk: Readonly<Record<string, unknown>>
  /** RFC 7638; the `jkt` of tokens bound to this key. */
  readonly thumbprint: string

  constructor(algorithm: ProofAlgorithm) {
    this.#algorithm = algorithm
    const pair =
      algorithm === 'EdDSA'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: 'P-256' })
    this.#privateKey = pair.privateKey
    const { crv, kty, x, y } = pair.publicKey.export({ format: 'jwk' })
    // RFC 7638 3.2: required members only, in lexicographic order.
    this.#jwk = y === undefined ? { crv, kty, x } : { crv, kty, x, y }
    this.thumbprint = digest(JSON.stringify(this.#jwk))
  }

  /** A proof nobody has used yet, for a GET of this URL with this token. */
  prove(url: string, accessToken: string): string {
    const claims = {
      jti: randomUUID(),
      htm: 'GET',
      htu: url,
      iat: Math.floor(Date.now() / 1000),
      ath: digest(accessToken),
    }
    const header = { typ: 'dpop+jwt', alg: this.#algorithm, jwk: this.#jwk }
    return signJwt(header, claims, this.#privateKey)
  }
}

function signJwt(header: object, claims: object, key: KeyObject): string {
  const input = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  const hash = key.asymmetricKeyType === 'ed25519' ? null : 'sha256'
  const signature = sign(hash, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
} from 'node:crypto'
import type { KeyObject, webcrypto } from 'node:crypto'
import { canonicalJson, epochSeconds, randomId, toBase64url } from '../core/index.ts'
import type { Instant, JsonObject } from '../core/index.ts'

export interface ProofRequest {
  readonly method: string
  readonly url: URL
  readonly now: Instant
  /** Present when the proof goes with an access token. */
  readonly accessToken?: string
  /** The last nonce the server asked for. */
  readonly nonce?: string | undefined
}

/** The private key that this machine's tokens are bound to (RFC 9449), ES256. */
export class ProofKey {
  readonly #key: KeyObject
  readonly #publicJwk: JsonObject
  /** RFC 7638, as `dpop_jkt` and `cnf.jkt` carry it. */
  readonly thumbprint: string

  private constructor(key: KeyObject) {
    const { kty, crv, x, y } = createPublicKey(key).export({ format: 'jwk' })
    if (kty !== 'EC' || crv !== 'P-256' || x === undefined || y === undefined) {
      throw new TypeError('not a P-256 key')
    }
    this.#key = key
    this.#publicJwk = { crv, kty, x, y }
    this.thumbprint = toBase64url(
      createHash('sha256').update(canonicalJson(this.#publicJwk)).digest(),
    )
  }

  static generate(): ProofKey {
    return new ProofKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
  }

  /** Throws a TypeError or Node's own error for anything but a private P-256 JWK. */
  static fromPrivateJwk(jwk: webcrypto.JsonWebKey): ProofKey {
    return new ProofKey(createPrivateKey({ key: jwk, format: 'jwk' }))
  }

  /** For the credential store only. */
  toPrivateJwk(): webcrypto.JsonWebKey {
    return this.#key.export({ format: 'jwk' })
  }

  /** RFC 9449 4.2: a proof for one request; the query and the fragment take no part in `htu`. */
  prove(request: ProofRequest): string {
    const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: this.#publicJwk }
    const claims = {
      jti: randomId(),
      htm: request.method,
      htu: `${request.url.origin}${request.url.pathname}`,
      iat: epochSeconds(request.now),
      ...(request.nonce === undefined ? {} : { nonce: request.nonce }),
      ...(request.accessToken === undefined ? {} : { ath: hashOf(request.accessToken) }),
    }
    const input = `${encode(header)}.${encode(claims)}`
    const signature = sign('sha256', Buffer.from(input), {
      key: this.#key,
      dsaEncoding: 'ieee-p1363',
    })
    return `${input}.${toBase64url(signature)}`
  }
}

function hashOf(token: string): string {
  return toBase64url(createHash('sha256').update(token).digest())
}

function encode(value: unknown): string {
  return toBase64url(Buffer.from(JSON.stringify(value)))
}

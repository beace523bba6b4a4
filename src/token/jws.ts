import { isAscii } from 'node:buffer'
import { constants, sign, verify } from 'node:crypto'
import type { KeyObject, SigningOptions } from 'node:crypto'
import { invariant, isJsonObject, ownProperty, parseJson, viewBase64url } from '../core/index.ts'
import type { Json, JsonObject } from '../core/index.ts'

/** The signature algorithms Proofgate knows at all (RFC 7518 3.1, RFC 8037, RFC 9864). */
export type JwsAlgorithm =
  | 'ES256'
  | 'ES384'
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'EdDSA'
  | 'Ed25519'

/** A compact JWS taken apart. Nothing in it is believed until `verifyJws` said yes. */
export interface ParsedJws {
  readonly algorithm: JwsAlgorithm
  readonly type: string | undefined
  readonly keyId: string | undefined
  /**
   * The `jwk` header member. Only a DPoP proof is checked with it, and only after its thumbprint was
   * compared; `jku`, `x5u` and `x5c` are not even kept.
   */
  readonly embeddedKey: Json | undefined
  /** What the signature covers, ASCII. */
  readonly signingInput: string
  readonly payload: Buffer
  readonly signature: Buffer
}

interface Scheme {
  readonly keyType: 'ec' | 'rsa' | 'ed25519'
  readonly curve: string | undefined
  readonly hash: string | null
  readonly options: SigningOptions
  /** Bytes; undefined when it follows the modulus. */
  readonly signatureLength: number | undefined
}

const ecdsa = (curve: string, hash: string, signatureLength: number): Scheme => ({
  keyType: 'ec',
  curve,
  hash,
  options: { dsaEncoding: 'ieee-p1363' },
  signatureLength,
})
const rsa = (hash: string, options: Scheme['options']): Scheme => ({
  keyType: 'rsa',
  curve: undefined,
  hash,
  options,
  signatureLength: undefined,
})
const ed25519: Scheme = {
  keyType: 'ed25519',
  curve: undefined,
  hash: null,
  options: {},
  signatureLength: 64,
}
const pkcs1 = { padding: constants.RSA_PKCS1_PADDING }
const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }

const schemes: ReadonlyMap<string, Scheme> = new Map<JwsAlgorithm, Scheme>([
  ['ES256', ecdsa('prime256v1', 'sha256', 64)],
  ['ES384', ecdsa('secp384r1', 'sha384', 96)],
  ['RS256', rsa('sha256', pkcs1)],
  ['RS384', rsa('sha384', pkcs1)],
  ['RS512', rsa('sha512', pkcs1)],
  ['PS256', rsa('sha256', pss)],
  ['EdDSA', ed25519],
  ['Ed25519', ed25519],
])

/** How a key is used for one algorithm: worked out once for each key. */
interface KeyUse {
  readonly algorithm: JwsAlgorithm
  readonly hash: string | null
  readonly options: SigningOptions & { readonly key: KeyObject }
  readonly signatureLength: number
}

const longestHeader = 8192
const longestKnownHeader = 1024
const longestKeyId = 256
const smallestModulus = 2048
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function isJwsAlgorithm(value: unknown): value is JwsAlgorithm {
  return typeof value === 'string' && schemes.has(value)
}

/**
 * Takes a compact JWS apart (RFC 7515 5.2 steps 1-7): exactly three parts of strict base64url, a
 * bounded JSON header without duplicate keys, an algorithm from the list above. A header with `crit`
 * or `b64` is refused, since no extension is understood. `undefined` = refused.
 *
 * @param maximumLength - longest text that is looked at, in characters.
 * @param known - headers that need not be read again.
 */
export function parseJws(
  text: string,
  maximumLength: number,
  known?: KnownHeaders,
): ParsedJws | undefined {
  if (text.length > maximumLength) return undefined
  const first = text.indexOf('.')
  const second = text.indexOf('.', first + 1)
  if (first === -1 || second === -1) return undefined
  const part = text.slice(0, first)
  const header = known?.find(part) ?? readHeader(part)
  const payload = viewBase64url(text.slice(first + 1, second))
  // A third dot is a character that no part may have.
  const signature = viewBase64url(text.slice(second + 1))
  if (header === undefined || payload === undefined || signature === undefined) return undefined
  const { algorithm, type, keyId, embeddedKey } = header
  const signingInput = text.slice(0, second)
  return { algorithm, type, keyId, embeddedKey, signingInput, payload, signature }
}

/** The payload as a JSON object; bounded, well-formed UTF-8, no duplicate keys; else `undefined`. */
export function parseJwsClaims(jws: ParsedJws): JsonObject | undefined {
  return parseJsonObject(jws.payload, jws.signingInput.length)
}

/**
 * Whether the signature is the given key's, by the algorithm the *caller* fixed for that key.
 * Invariant: the header's algorithm never chooses how a key is used; a key of another type, curve or
 * of fewer than 2048 RSA bits, and any private or symmetric key, verifies nothing.
 */
export function verifyJws(jws: ParsedJws, key: KeyObject, algorithm: JwsAlgorithm): boolean {
  if (jws.algorithm !== algorithm) return false
  const use = verificationUse(key, algorithm)
  if (use === undefined || jws.signature.byteLength !== use.signatureLength) return false
  try {
    return verify(use.hash, bytesOf(jws.signingInput), use.options, jws.signature)
  } catch {
    return false
  }
}

/** The last use that was made of each public key. */
const uses = new WeakMap<KeyObject, KeyUse>()

/** Invariant: only what suits is remembered, and it is found for the same key and algorithm alone. */
function verificationUse(key: KeyObject, algorithm: JwsAlgorithm): KeyUse | undefined {
  const known = uses.get(key)
  if (known?.algorithm === algorithm) return known
  const scheme = schemes.get(algorithm)
  if (scheme === undefined || key.type !== 'public' || !suits(key, scheme)) return undefined
  const use = {
    algorithm,
    hash: scheme.hash,
    options: { key, ...scheme.options },
    signatureLength: scheme.signatureLength ?? Math.ceil(modulusBits(key) / 8),
  }
  uses.set(key, use)
  return use
}

/** Signs claims as a compact JWS; `typ` is always set, so that kinds of tokens cannot be confused. */
export function signJws(
  input: ConstructorParameters<typeof JwsSigner>[0] & { readonly claims: object },
): string {
  const signer = new JwsSigner(input)
  const signingInput = signer.signingInput(input.claims)
  return `${signingInput}.${signer.sign(signingInput).toString('base64url')}`
}

/** Signs compact JWS of one type with one key, in two steps for who keeps signatures. */
export class JwsSigner {
  readonly keyId: string
  /** The first part of what it signs. */
  readonly header: string
  readonly #hash: string | null
  readonly #options: SigningOptions & { readonly key: KeyObject }

  constructor({
    algorithm,
    type,
    keyId,
    key,
  }: {
    readonly algorithm: JwsAlgorithm
    readonly type: string
    readonly keyId: string
    readonly key: KeyObject
  }) {
    const scheme = schemes.get(algorithm)
    invariant(scheme !== undefined && suits(key, scheme), 'the key suits the algorithm')
    this.keyId = keyId
    this.header = encodePart({ alg: algorithm, typ: type, kid: keyId })
    this.#hash = scheme.hash
    this.#options = { key, ...scheme.options }
  }

  /** The first two parts with their dot; members that are `undefined` are left out. */
  signingInput(claims: object): string {
    return `${this.header}.${encodePart(claims)}`
  }

  /** What the third part says. */
  sign(signingInput: string): Buffer {
    return sign(this.#hash, bytesOf(signingInput), this.#options)
  }
}

/** Whether a key is of the type, curve and size that an algorithm calls for. */
export function keySuits(key: KeyObject, algorithm: JwsAlgorithm): boolean {
  const scheme = schemes.get(algorithm)
  return scheme !== undefined && suits(key, scheme)
}

function suits(key: KeyObject, scheme: Scheme): boolean {
  if (key.type === 'secret' || key.asymmetricKeyType !== scheme.keyType) return false
  if (scheme.keyType === 'ec') return key.asymmetricKeyDetails?.namedCurve === scheme.curve
  return scheme.keyType !== 'rsa' || modulusBits(key) >= smallestModulus
}

function modulusBits(key: KeyObject): number {
  return key.asymmetricKeyDetails?.modulusLength ?? 0
}

function isOptionalText(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === 'string' && value.length <= longestKeyId)
}

type JwsHeader = Pick<ParsedJws, 'algorithm' | 'type' | 'keyId' | 'embeddedKey'>

/**
 * What headers say, by their text, which determines it: all tokens of one issuer begin alike, and all proofs of
 * one client. Bounded: the one kept longest goes first.
 */
export class KnownHeaders {
  readonly #capacity: number
  readonly #headers = new Map<string, JwsHeader>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get size(): number {
    return this.#headers.size
  }

  find(part: string): JwsHeader | undefined {
    return this.#headers.get(part)
  }

  /** @param jws - from `parseJws`, and of somebody who may: what anybody sends would drive out the rest. */
  keep({ signingInput, algorithm, type, keyId, embeddedKey }: ParsedJws): void {
    const part = signingInput.slice(0, signingInput.indexOf('.'))
    if (part.length > longestKnownHeader || this.#headers.has(part)) return
    const [oldest] = this.#headers.keys()
    if (oldest !== undefined && this.#headers.size >= this.#capacity) this.#headers.delete(oldest)
    // A copy, since a part of a text keeps the whole of it.
    const copy = Buffer.from(part, 'latin1').toString('latin1')
    this.#headers.set(copy, { algorithm, type, keyId, embeddedKey })
  }
}

function readHeader(part: string): JwsHeader | undefined {
  const bytes = part.length > longestHeader ? undefined : viewBase64url(part)
  const header = bytes === undefined ? undefined : parseJsonObject(bytes, longestHeader)
  if (header === undefined) return undefined
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) return undefined
  const algorithm = ownProperty(header, 'alg')
  const type = ownProperty(header, 'typ')
  const keyId = ownProperty(header, 'kid')
  if (!isJwsAlgorithm(algorithm) || !isOptionalText(type) || !isOptionalText(keyId)) {
    return undefined
  }
  return { algorithm, type, keyId, embeddedKey: ownProperty(header, 'jwk') as Json | undefined }
}

function parseJsonObject(bytes: Buffer, length: number): JsonObject | undefined {
  const text = decodeText(bytes)
  const value = text === undefined ? undefined : parseJson(text, { length, depth: 12 })
  return isJsonObject(value) ? value : undefined
}

function decodeText(bytes: Buffer): string | undefined {
  if (isAscii(bytes)) return bytes.toString('latin1')
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

const scratch = Buffer.alloc(longestHeader)

/** What a signing input is as bytes, until the next one is asked for: memory of its own costs more than to fill it. */
function bytesOf(signingInput: string): Buffer {
  if (signingInput.length > scratch.length) return Buffer.from(signingInput, 'latin1')
  return scratch.subarray(0, scratch.write(signingInput, 'latin1'))
}

function encodePart(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

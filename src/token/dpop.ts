import { hash } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { equalText, isJsonObject, isRefusal, millis } from '../core/index.ts'
import type { Instant, Json, Refusal } from '../core/index.ts'
import { readClaims } from './claims.ts'
import type { ClaimReader } from './claims.ts'
import { tokenErrors } from './errors.ts'
import { importPublicJwk, jwkThumbprint, parsePublicJwk } from './jwk.ts'
import type { PublicJwk } from './jwk.ts'
import { KnownHeaders, parseJws, parseJwsClaims, verifyJws } from './jws.ts'
import type { JwsAlgorithm, ParsedJws } from './jws.ts'
import { proofTarget } from './proof-target.ts'
import type { VerifiedToken } from './verified-token.ts'

/** What proofs may be signed with; goes into challenges as `algs`. */
export const proofAlgorithms = ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'] as const

/** How far `iat` may be from now, to either side. */
export const proofWindow = millis(60_000)

const longestProof = 8192
const longestProofId = 128

export interface DpopProofInput {
  /** The value of the one `DPoP` header; the caller refuses a request with several. */
  readonly proof: string
  readonly method: string
  /** Scheme, authority and path of the request as decided by the gateway, never from its headers. */
  readonly url: string
  readonly accessToken: string
  /** `confirmationThumbprint` of the verified access token. */
  readonly expectedThumbprint: string
  readonly now: Instant
  /** The nonces the server handed out and still accepts; undefined when it asks for none. */
  readonly nonces: readonly string[] | undefined
}

/** A proof that fits its request, but may have been used before: see `takeProof`. */
export interface CheckedProof {
  readonly jti: string
  readonly thumbprint: string
  readonly issuedAt: Instant
}

/**
 * Remembers used proofs. `take` answers true exactly once per id until `expiresAt`, over all
 * processes that serve the same audience; a store that cannot tell must throw or reject.
 */
export interface ProofReplays {
  take(id: string, expiresAt: Instant): boolean | Promise<boolean>
}

/**
 * Checks a DPoP proof for a request to a protected resource (RFC 9449 4.3; the numbers are its steps).
 * The key is compared with the token's binding before the signature is checked, so that only the
 * holder of a bound token can cause that work.
 */
export function checkDpopProof(input: DpopProofInput): CheckedProof | Refusal {
  // 2: a well-formed JWT.
  const jws = parseJws(input.proof, longestProof, knownHeaders)
  if (jws === undefined) return refuse('it is not a well-formed JWT')
  // 4 and 5: type and algorithm.
  if (jws.type !== 'dpop+jwt') return refuse('typ is not dpop+jwt')
  if (!isProofAlgorithm(jws.algorithm)) return refuse('the algorithm is not allowed')
  // 7 and 12: the key is public, and the one the token is bound to.
  const holder = holderOf(jws.embeddedKey)
  if (holder === undefined) return refuse('jwk is not a public key')
  const { thumbprint } = holder
  if (!equalText(thumbprint, input.expectedThumbprint)) return refuse('it is by another key')
  // 6: the signature.
  const { key } = holder
  if (key === undefined || !verifyJws(jws, key, jws.algorithm)) {
    return refuse('the signature does not hold')
  }
  knownHeaders.keep(jws)
  return checkClaims(jws, thumbprint, input)
}

/**
 * Uses a checked proof up (RFC 9449 11.1). Invariant: called after `checkDpopProof`, so that nobody can
 * use up another's proof, and before the request is acted on; a store that cannot tell means no.
 */
export function takeProof(
  replays: ProofReplays,
  proof: CheckedProof,
): Refusal | undefined | Promise<Refusal | undefined> {
  const judge = (isFirst: boolean) =>
    isFirst ? undefined : tokenErrors.refuse('proof_replayed', 'the proof was used before')
  try {
    // One second more: `iat` may have been given in fractions of a second.
    const taken = replays.take(proofId(proof), proof.issuedAt + proofWindow + 1000)
    return taken instanceof Promise ? taken.then(judge, replaysUnavailable) : judge(taken)
  } catch (cause) {
    return replaysUnavailable(cause)
  }
}

/**
 * Whether a token may come with the scheme it came with: a bound token never as a bearer token, an
 * unbound one never with the DPoP scheme (RFC 9449 7.1 and 7.2).
 */
export function checkBinding(
  token: Pick<VerifiedToken, 'confirmationThumbprint'>,
  scheme: 'Bearer' | 'DPoP',
): Refusal | undefined {
  const isBound = token.confirmationThumbprint !== undefined
  if (isBound && scheme === 'Bearer') {
    return tokenErrors.refuse('proof_required', 'a bound token came as a bearer token')
  }
  if (!isBound && scheme === 'DPoP') {
    return tokenErrors.refuse('not_bound', 'an unbound token came with the DPoP scheme')
  }
  return undefined
}

/**
 * Whether the certificate a token is bound to is the one its connection showed (RFC 8705 3).
 *
 * @param presented - thumbprint of the verified client certificate, if there is one.
 */
export function checkCertificate(
  token: Pick<VerifiedToken, 'certificateThumbprint'>,
  presented: string | undefined,
): Refusal | undefined {
  const expected = token.certificateThumbprint
  if (expected === undefined) return undefined
  if (presented !== undefined && equalText(presented, expected)) return undefined
  const found = presented === undefined ? 'no client certificate' : 'another client certificate'
  return tokenErrors.refuse('certificate_required', found)
}

function checkClaims(
  jws: ParsedJws,
  thumbprint: string,
  input: DpopProofInput,
): CheckedProof | Refusal {
  const members = parseJwsClaims(jws)
  if (members === undefined) return refuse('the claims are not JSON')
  const read = readClaims(members, (claims) => {
    const problem = findProblem(claims, input)
    if (problem !== undefined) return problem
    return { jti: claims.text('jti', longestProofId), thumbprint, issuedAt: claims.instant('iat') }
  })
  // What is wrong with a claim is wrong with the proof, not with the access token.
  return isRefusal(read) && read.code === 'token.invalid' ? refuse(read.detail ?? '') : read
}

function findProblem(claims: ClaimReader, input: DpopProofInput): Refusal | undefined {
  // 8 and 9: made for this method and this target.
  if (claims.text('htm') !== input.method) return refuse('htm is another method')
  const htu = claims.text('htu', longestProof)
  const target = proofTarget(htu)
  if (target === undefined || (htu !== input.url && target !== proofTarget(input.url))) {
    return refuse('htu is another target')
  }
  // 11: made just now.
  if (Math.abs(input.now - claims.instant('iat')) > proofWindow) return refuse('iat is not recent')
  // 12: made for this access token.
  const ath = hash('sha256', input.accessToken, 'base64url')
  if (!equalText(claims.text('ath'), ath)) return refuse('ath is of another token')
  // 10: after the rest, so that only who holds the key learns that a nonce is wanted.
  if (input.nonces === undefined) return undefined
  const nonce = claims.optionalText('nonce')
  return nonce !== undefined && input.nonces.includes(nonce)
    ? undefined
    : tokenErrors.refuse('proof_nonce', 'the nonce is not one of the server')
}

function refuse(detail: string): Refusal {
  return tokenErrors.refuse('proof_invalid', detail)
}

function replaysUnavailable(cause: unknown): Refusal {
  const detail = cause instanceof Error ? cause.message : 'the record of proofs does not answer'
  return tokenErrors.refuse('replays_unavailable', detail)
}

function isProofAlgorithm(algorithm: JwsAlgorithm): boolean {
  return proofAlgorithms.some((allowed) => allowed === algorithm)
}

/** The thumbprint has a fixed length, so the two parts cannot run into each other. */
function proofId(proof: CheckedProof): string {
  return hash('sha256', `${proof.thumbprint}.${proof.jti}`, 'base64url')
}

/** Headers of proofs that verified, so only of keys that a verified token is bound to. */
const knownHeaders = new KnownHeaders(4096)

/** Keys by the `jwk` that they stand in: one of a known header is the same object each time. */
const holders = new WeakMap<object, ProofHolder>()

function holderOf(jwk: Json | undefined): ProofHolder | undefined {
  if (!isJsonObject(jwk)) return undefined
  const known = holders.get(jwk)
  if (known !== undefined) return known
  const parsed = parsePublicJwk(jwk)
  if (parsed === undefined) return undefined
  const holder = new ProofHolder(parsed)
  holders.set(jwk, holder)
  return holder
}

/** Who holds the private half. */
class ProofHolder {
  readonly thumbprint: string
  readonly #jwk: PublicJwk
  #key: KeyObject | undefined

  constructor(jwk: PublicJwk) {
    this.#jwk = jwk
    this.thumbprint = jwkThumbprint(jwk)
  }

  /** Made when it is asked for, which costs more than all before; `undefined` when it is no key. */
  get key(): KeyObject | undefined {
    this.#key ??= importPublicJwk(this.#jwk)
    return this.#key
  }
}

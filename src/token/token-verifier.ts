import type { KeyObject } from 'node:crypto'
import { isRefusal } from '../core/index.ts'
import type { Clock, Instant, JsonObject, Millis, Refusal } from '../core/index.ts'
import { tokenErrors, tokenFailure } from './errors.ts'
import { KnownHeaders, parseJws, parseJwsClaims, verifyJws } from './jws.ts'
import type { JwsAlgorithm, ParsedJws } from './jws.ts'
import type { VerificationKeys } from './verification-keys.ts'
import { VerifiedTokenCache } from './remembered/verified-tokens.ts'
import type { VerifiedToken } from './verified-token.ts'

/** Longest token that is looked at, in characters. */
export const longestToken = 8192

/** One issuer's tokens differ by its key and their kind. */
const mostHeaders = 64

type FoundKey = KeyObject | undefined | Refusal

/** What makes one verifier: one issuer, its keys and the rules for its tokens. */
export interface TokenVerifierRules<Token extends VerifiedToken> {
  readonly keys: VerificationKeys
  readonly clock: Clock
  /** Nothing outside this list is verified. */
  readonly algorithms: readonly JwsAlgorithm[]
  /** Whether the `typ` header is that of the kind of token this verifier is for. */
  readonly acceptsType: (type: string | undefined) => boolean
  /** Turns verified claims into a token that holds frozen values only; also checks times, audience and issuer. */
  readonly read: (members: JsonObject, now: Instant) => Token | Refusal
  readonly clockSkew: Millis
  /** How many verified tokens are remembered; 0 for none. */
  readonly cacheSize: number
}

/**
 * Verifies tokens of one issuer for one audience and remembers those that passed until they end or
 * the key set changes.
 */
export class TokenVerifier<Token extends VerifiedToken> {
  readonly #rules: TokenVerifierRules<Token>
  readonly #cache: VerifiedTokenCache<Token>
  readonly #headers = new KnownHeaders(mostHeaders)
  /** Counts calls of `forget`, so that a verification they overtook is not remembered. */
  #forgotten = 0

  constructor(rules: TokenVerifierRules<Token>) {
    if (rules.algorithms.length === 0) {
      throw tokenFailure('misconfigured', 'a token verifier was given no algorithm')
    }
    this.#rules = rules
    this.#cache = new VerifiedTokenCache(rules.cacheSize, rules.clockSkew)
  }

  /**
   * Answers at once for a remembered token and whenever the key is at hand; a promise only while an
   * issuer's key set is being fetched. Never throws or rejects because of what is in the token.
   */
  verify(text: string): Token | Refusal | Promise<Token | Refusal> {
    const now = this.#rules.clock.now()
    const revision = this.#rules.keys.revisionAt(now)
    if (text.length > longestToken) return tokenErrors.refuse('invalid', 'it is too long')
    return this.#cache.find(text, now, revision) ?? this.#verifyAnew(text)
  }

  /**
   * Forgets remembered tokens, so that their next use is verified anew. It revokes nothing by itself.
   *
   * @returns how many were forgotten.
   */
  forget(predicate: (token: Token) => boolean): number {
    this.#forgotten++
    return this.#cache.forget(predicate)
  }

  #verifyAnew(text: string): Token | Refusal | Promise<Token | Refusal> {
    const { algorithms, acceptsType } = this.#rules
    const jws = parseJws(text, longestToken, this.#headers)
    if (jws === undefined) return tokenErrors.refuse('invalid', 'not a well-formed signed token')
    if (!algorithms.includes(jws.algorithm)) {
      return tokenErrors.refuse('invalid', `algorithm ${jws.algorithm} is not allowed`)
    }
    if (!acceptsType(jws.type)) return tokenErrors.refuse('invalid', 'typ is of another kind')
    if (jws.keyId === undefined) return tokenErrors.refuse('invalid', 'kid is missing')
    const forgotten = this.#forgotten
    const found = this.#findKey(jws.keyId, jws.algorithm)
    return found instanceof Promise
      ? found.then((key) => this.#finish(text, jws, key, forgotten))
      : this.#finish(text, jws, found, forgotten)
  }

  #findKey(keyId: string, algorithm: JwsAlgorithm): FoundKey | Promise<FoundKey> {
    try {
      const found = this.#rules.keys.find(keyId, algorithm)
      return found instanceof Promise ? found.catch(keysUnavailable) : found
    } catch (cause) {
      return keysUnavailable(cause)
    }
  }

  #finish(text: string, jws: ParsedJws, key: FoundKey, forgotten: number): Token | Refusal {
    if (isRefusal(key)) return key
    if (key === undefined) return tokenErrors.refuse('invalid', 'no key of this issuer has the kid')
    if (!verifyJws(jws, key, jws.algorithm)) {
      return tokenErrors.refuse('invalid', 'the signature does not hold')
    }
    this.#headers.keep(jws)
    const claims = parseJwsClaims(jws)
    if (claims === undefined) return tokenErrors.refuse('invalid', 'the claims are not JSON')
    const { clock, read, keys } = this.#rules
    const now = clock.now()
    const token = read(claims, now)
    if (isRefusal(token)) return token
    Object.freeze(token)
    if (forgotten === this.#forgotten) {
      this.#cache.keep(text, token, { now, revision: keys.revisionAt(now) })
    }
    return token
  }
}

function keysUnavailable(cause: unknown): Refusal {
  const detail = cause instanceof Error ? cause.message : 'the key set does not answer'
  return tokenErrors.refuse('keys_unavailable', detail)
}

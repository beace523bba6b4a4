import type { KeyObject } from 'node:crypto'
import { isJsonObject, millis, ownProperty } from '../core/index.ts'
import type { Clock, Instant, Json, Millis } from '../core/index.ts'
import { tokenFailure } from './errors.ts'
import { fetchJson, parseFetchUrl } from './guarded-fetch.ts'
import type { FetchGuards } from './guarded-fetch.ts'
import { importPublicJwk, parsePublicJwk } from './jwk.ts'
import { keySuits } from './jws.ts'
import type { JwsAlgorithm } from './jws.ts'
import type { VerificationKeys } from './verification-keys.ts'

export interface IssuerKeysOptions extends FetchGuards {
  readonly issuer: string
  readonly clock: Clock
  /** Age at which the key set is fetched again while the known keys stay in use. */
  readonly refreshAfter: Millis
  /** Age at which the known keys are no longer believed: then nothing is verified. */
  readonly staleAfter: Millis
}

/** Times that suit an ordinary provider; a key the issuer took back is refused within `refreshAfter`. */
export const defaultKeyTimes = {
  timeout: millis(3_000),
  refreshAfter: millis(10 * 60_000),
  staleAfter: millis(2 * 3_600_000),
} as const

/** At most one fetch in this time, whatever is asked for. */
const fetchPause = 30_000
const maximumKeys = 100

interface IssuerKey {
  readonly key: KeyObject
  /** The `alg` member, when the issuer fixed one. */
  readonly algorithm: string | undefined
}

/**
 * The published keys of one external issuer, found by discovery (OpenID Connect Discovery 1.0 4) and
 * kept. Last-good keys serve through an outage for a bounded time, then verification fails closed. An
 * unknown `kid` causes a fetch at most every 30 s; concurrent needs share one fetch.
 *
 * Invariant: belongs to one issuer, so a `kid` is never looked up among another issuer's keys.
 */
export class IssuerKeys implements VerificationKeys {
  readonly #options: IssuerKeysOptions
  #keys: ReadonlyMap<string, IssuerKey> = new Map()
  #fetchedAt: Instant | undefined
  #attemptedAt: Instant | undefined
  #failure: Error | undefined
  #underway: Promise<void> | undefined
  #revision = 0

  /** Throws `token.misconfigured` for an issuer that cannot be one; nothing is fetched yet. */
  constructor(options: IssuerKeysOptions) {
    checkIssuer(options)
    this.#options = options
  }

  find(
    keyId: string,
    algorithm: JwsAlgorithm,
  ): KeyObject | undefined | Promise<KeyObject | undefined> {
    const now = this.#options.clock.now()
    if (this.#isUsable(now) && this.#keys.has(keyId)) return this.#known(keyId, algorithm)
    return this.#findAfterFetch(keyId, algorithm, now)
  }

  /**
   * Also starts a fetch in the background when the keys are due for one, and drops them when they
   * are too old: remembered tokens end with the keys that verified them.
   */
  revisionAt(now: Instant): number {
    if (this.#fetchedAt === undefined) return this.#revision
    if (!this.#isUsable(now)) {
      this.#replaceKeys(new Map())
      this.#fetchedAt = undefined
    } else if (now - this.#fetchedAt >= this.#options.refreshAfter && this.#mayFetch(now)) {
      this.#fetch(now).catch(() => undefined)
    }
    return this.#revision
  }

  /** Why the last fetch failed, for health reports; `undefined` after a good one. */
  get failure(): Error | undefined {
    return this.#failure
  }

  async #findAfterFetch(
    keyId: string,
    algorithm: JwsAlgorithm,
    now: Instant,
  ): Promise<KeyObject | undefined> {
    if (this.#underway !== undefined || this.#mayFetch(now)) {
      await this.#fetch(now).catch(() => undefined)
    }
    if (!this.#isUsable(this.#options.clock.now())) {
      throw this.#failure ?? tokenFailure('issuer_unreachable', 'the key set is too old')
    }
    return this.#known(keyId, algorithm)
  }

  #known(keyId: string, algorithm: JwsAlgorithm): KeyObject | undefined {
    const found = this.#keys.get(keyId)
    if (found === undefined || !keySuits(found.key, algorithm)) return undefined
    return found.algorithm === undefined || found.algorithm === algorithm ? found.key : undefined
  }

  #isUsable(now: Instant): boolean {
    return this.#fetchedAt !== undefined && now - this.#fetchedAt < this.#options.staleAfter
  }

  #mayFetch(now: Instant): boolean {
    return this.#attemptedAt === undefined || now - this.#attemptedAt >= fetchPause
  }

  #fetch(now: Instant): Promise<void> {
    this.#underway ??= this.#replaceByFetched(now).finally(() => {
      this.#underway = undefined
    })
    return this.#underway
  }

  async #replaceByFetched(now: Instant): Promise<void> {
    this.#attemptedAt = now
    try {
      this.#replaceKeys(await fetchKeys(this.#options))
      this.#fetchedAt = now
      this.#failure = undefined
    } catch (cause) {
      this.#failure = cause as Error
      throw cause
    }
  }

  #replaceKeys(keys: ReadonlyMap<string, IssuerKey>): void {
    const isGone = (known: IssuerKey, keyId: string) => {
      const other = keys.get(keyId)
      return (
        other === undefined || !other.key.equals(known.key) || other.algorithm !== known.algorithm
      )
    }
    if ([...this.#keys].some(([keyId, known]) => isGone(known, keyId))) this.#revision++
    this.#keys = keys
  }
}

function checkIssuer(options: IssuerKeysOptions): void {
  const url = URL.parse(options.issuer)
  if (url === null || url.search !== '' || options.issuer.includes('?')) {
    throw tokenFailure('misconfigured', 'an issuer is a URL without a query')
  }
  try {
    parseFetchUrl(options.issuer, options)
  } catch (cause) {
    throw tokenFailure('misconfigured', 'the issuer cannot be used', {
      cause,
      hint: 'an issuer is an https URL without user information, query and fragment',
    })
  }
}

async function fetchKeys(options: IssuerKeysOptions): Promise<ReadonlyMap<string, IssuerKey>> {
  const { issuer } = options
  const discovery = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const metadata = await fetchJson(discovery, options)
  // OpenID Connect Discovery 4.3: the issuer must be exactly the one asked for.
  if (!isJsonObject(metadata) || ownProperty(metadata, 'issuer') !== issuer) {
    throw tokenFailure('issuer_unreachable', `${discovery} names another issuer`)
  }
  const address = ownProperty(metadata, 'jwks_uri')
  if (typeof address !== 'string') {
    throw tokenFailure('issuer_unreachable', `${discovery} names no key set`)
  }
  const allowHttp = options.allowHttp && issuer.startsWith('http:')
  const keys = parseKeySet(await fetchJson(address, { ...options, allowHttp }))
  if (keys === undefined) {
    throw tokenFailure('issuer_unreachable', `the address ${discovery} names has no usable key set`)
  }
  return keys
}

/**
 * The signature keys of a JWK Set (RFC 7517 5) by `kid`. Keys we do not understand are left out; more
 * than 100 keys, two keys under one `kid`, or no usable key at all make the set useless.
 */
function parseKeySet(value: Json): ReadonlyMap<string, IssuerKey> | undefined {
  const list = isJsonObject(value) ? ownProperty(value, 'keys') : undefined
  if (!Array.isArray(list) || list.length > maximumKeys) return undefined
  const keys = new Map<string, IssuerKey>()
  for (const entry of list as readonly unknown[]) {
    const parsed = parseSetKey(entry)
    if (parsed === undefined) continue
    if (keys.has(parsed.keyId)) return undefined
    keys.set(parsed.keyId, parsed)
  }
  return keys.size === 0 ? undefined : keys
}

function parseSetKey(entry: unknown): (IssuerKey & { readonly keyId: string }) | undefined {
  if (!isJsonObject(entry)) return undefined
  const keyId = ownProperty(entry, 'kid')
  const algorithm = ownProperty(entry, 'alg')
  if (typeof keyId !== 'string' || !isForSignatures(entry)) return undefined
  if (algorithm !== undefined && typeof algorithm !== 'string') return undefined
  const jwk = parsePublicJwk(entry)
  const key = jwk === undefined ? undefined : importPublicJwk(jwk)
  return key === undefined ? undefined : { keyId, key, algorithm }
}

/** RFC 7517 4.2 and 4.3. */
function isForSignatures(entry: object): boolean {
  const use = ownProperty(entry, 'use')
  const operations = ownProperty(entry, 'key_ops')
  if (use !== undefined && use !== 'sig') return false
  return operations === undefined || (Array.isArray(operations) && operations.includes('verify'))
}

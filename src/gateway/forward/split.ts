import { addressKey } from '../../throttle/index.ts'
import type { UpstreamPool } from '../../upstream/index.ts'
import type { Principal } from '../caller/principal.ts'

/** A service that requests go to. */
export interface Destination {
  readonly upstream: UpstreamPool
  readonly upstreamName: string
  /** Value of the `Host` header towards it. */
  readonly upstreamAuthority: string
  /** Also told about the caller by `Forwarded` (RFC 7239). */
  readonly writesForwarded: boolean
}

export interface Share {
  readonly destination: Destination
  /** Relative to the sum of all. */
  readonly weight: number
}

/**
 * Divides the callers of an API over several services by weight. Who is on which side depends on who they
 * are, so one person sees one side; when a weight changes only those move that have to.
 */
export class Split {
  readonly #salt: string
  readonly #first: Destination
  readonly #ends: readonly { readonly destination: Destination; readonly end: number }[]

  /** @param salt - the API: the same people are not the first to try everything. */
  constructor(salt: string, shares: readonly [Share, ...Share[]]) {
    const total = shares.reduce((sum, { weight }) => sum + weight, 0)
    let sum = 0
    this.#salt = salt
    this.#first = shares[0].destination
    this.#ends = shares.map(({ destination, weight }) => {
      sum += weight
      return { destination, end: sum / total }
    })
  }

  /** @param address - tells callers apart that nobody knows. */
  choose(principal: Pick<Principal, 'kind' | 'key'>, address: string): Destination {
    const key = principal.kind === 'anonymous' ? addressKey(address) : principal.key
    const place = placeOf(`${this.#salt}\n${key}`)
    return this.#ends.find(({ end }) => place < end)?.destination ?? this.#first
  }

  get destinations(): readonly Destination[] {
    return this.#ends.map(({ destination }) => destination)
  }
}

/** From 0 to below 1, evenly: FNV-1a, with the last mixing steps of MurmurHash3. */
function placeOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 0x1_0000_0000
}

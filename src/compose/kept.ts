import { millis } from '../core/index.ts'
import type { Clock } from '../core/index.ts'
import type { Configuration, ConfiguredIssuer, ConfiguredUpstream } from '../config/index.ts'
import type { MirrorCounts } from '../gateway/index.ts'
import { defaultKeyTimes, IssuerKeys } from '../token/index.ts'
import { isPrivateAddress } from '../upstream/index.ts'
import type { UpstreamPool } from '../upstream/index.ts'
import { openUpstream } from './upstreams.ts'
import type { TargetChange } from './upstreams.ts'

/**
 * Parts that outlive one configuration: pools with open connections and fetched keys. Used again as long
 * as what describes them stays the same.
 */
export class Kept {
  readonly #upstreams = new Map<string, { upstream: UpstreamPool; used: boolean }>()
  readonly #issuers = new Map<string, IssuerKeys>()
  readonly #mirrored = new Map<string, MirrorCounts>()
  readonly #retiring = new Set<UpstreamPool>()
  readonly #onTargetChange: TargetChange | undefined

  /** @param onTargetChange - absent: for a table that is only asked about, so no target is checked. */
  constructor(onTargetChange?: TargetChange) {
    this.#onTargetChange = onTargetChange
  }

  upstream(configured: ConfiguredUpstream): UpstreamPool {
    const key = JSON.stringify(configured)
    let entry = this.#upstreams.get(key)
    if (entry === undefined) {
      entry = { upstream: openUpstream(configured, this.#onTargetChange), used: true }
      this.#upstreams.set(key, entry)
    }
    entry.used = true
    return entry.upstream
  }

  issuerKeys(configured: ConfiguredIssuer, clock: Clock): IssuerKeys {
    const key = `${configured.issuer}\n${String(configured.allowHttp)}`
    let keys = this.#issuers.get(key)
    if (keys === undefined) {
      keys = new IssuerKeys({
        ...defaultKeyTimes,
        issuer: configured.issuer,
        clock,
        allowHttp: configured.allowHttp,
        isForbiddenAddress: (address) => !configured.allowHttp && isPrivateAddress(address),
      })
      this.#issuers.set(key, keys)
    }
    return keys
  }

  /** How copies to an upstream fared, over all configurations. */
  mirrorCounts(upstream: string): MirrorCounts {
    const known = this.#mirrored.get(upstream) ?? { sent: 0, skipped: 0, failed: 0 }
    this.#mirrored.set(upstream, known)
    return known
  }

  get mirrored(): ReadonlyMap<string, MirrorCounts> {
    return this.#mirrored
  }

  /** Call before building a table; what it did not ask for is let go by `endUnused`. */
  beginUse(): void {
    for (const entry of this.#upstreams.values()) entry.used = false
  }

  endUnused(deadline: Configuration['limits']['drain']): void {
    for (const [key, entry] of this.#upstreams) {
      if (entry.used) continue
      this.#upstreams.delete(key)
      this.#retire(entry.upstream, deadline)
    }
  }

  /** Requests under way keep their table to their end, so what it names is closed only after that. */
  #retire(upstream: UpstreamPool, deadline: Configuration['limits']['drain']): void {
    this.#retiring.add(upstream)
    setTimeout(() => {
      this.#retiring.delete(upstream)
      void upstream.close(deadline)
    }, deadline).unref()
  }

  get upstreams(): readonly UpstreamPool[] {
    return [...this.#upstreams.values()].map((entry) => entry.upstream)
  }

  async close(): Promise<void> {
    const all = [...this.upstreams, ...this.#retiring]
    await Promise.all(all.map((upstream) => upstream.close(millis(1000))))
  }
}

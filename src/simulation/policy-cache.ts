import type { PolicyKind } from '../policy/index.ts'
import type { DocumentText } from './documents.ts'
import { policyList } from './policy-list.ts'
import type { PolicyList } from './policy-list.ts'

/** Most text of which the compiled form is kept, in UTF-16 units. */
const mostKept = 512 * 1024
/** Most text that is remembered to have come once. */
const mostSeen = 128 * 1024

/**
 * Compiled policies by their text, so that those which come again and again are compiled once. They are
 * kept from the second time on: a long run of policies that come once leaves nothing behind. Bounded.
 */
export class PolicyCache {
  readonly #seen = new RecentlyUsed<true>(mostSeen)
  readonly #kept = new RecentlyUsed<PolicyList>(mostKept)

  /** The compiled form. Throws `SimulationError`; what is refused is not kept. */
  of(kind: PolicyKind, texts: readonly DocumentText[]): PolicyList {
    const key = keyOf(kind, texts)
    const known = this.#kept.take(key)
    const list = known ?? policyList(kind, texts)
    if (known !== undefined || this.#seen.take(key) === true) this.#kept.put(key, list)
    else this.#seen.put(key, true)
    return list
  }
}

/** Values by text, as many as fit: the least recently used go first. */
class RecentlyUsed<Value> {
  readonly #most: number
  readonly #values = new Map<string, Value>()
  #length = 0

  constructor(most: number) {
    this.#most = most
  }

  take(key: string): Value | undefined {
    const value = this.#values.get(key)
    if (value !== undefined) this.#drop(key)
    return value
  }

  /** @param key - is not there. */
  put(key: string, value: Value): void {
    this.#values.set(key, value)
    this.#length += key.length
    for (const oldest of this.#values.keys()) {
      if (this.#length <= this.#most) return
      this.#drop(oldest)
    }
  }

  #drop(key: string): void {
    this.#values.delete(key)
    this.#length -= key.length
  }
}

/** Invariant: lists have the same key only if they are the same; so each text comes with its length. */
function keyOf(kind: PolicyKind, texts: readonly DocumentText[]): string {
  const parts = texts.map(({ name, text }) => ` ${name} ${text.length}:${text}`)
  return kind + parts.join('')
}

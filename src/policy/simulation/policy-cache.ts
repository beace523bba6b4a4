import type { PolicyKind } from '../document/kind.ts'
import type { DocumentText } from './documents.ts'
import { policyList } from './policy-list.ts'
import type { PolicyList } from './policy-list.ts'

/** Most text of which the compiled form is kept, in UTF-16 units. */
const mostText = 512 * 1024

/** Compiled policies by their text, so that those which come again and again are compiled once. Bounded. */
export class PolicyCache {
  /** Least recently used first. */
  readonly #kept = new Map<string, PolicyList>()
  #size = 0

  /** The compiled form. Throws `SimulationError`; what is refused is not kept. */
  of(kind: PolicyKind, texts: readonly DocumentText[]): PolicyList {
    const key = keyOf(kind, texts)
    const known = this.#kept.get(key)
    if (known !== undefined) {
      this.#kept.delete(key)
      this.#kept.set(key, known)
      return known
    }
    const list = policyList(kind, texts)
    this.#keep(key, list)
    return list
  }

  #keep(key: string, list: PolicyList): void {
    this.#kept.set(key, list)
    this.#size += key.length
    for (const oldest of this.#kept.keys()) {
      if (this.#size <= mostText) return
      this.#kept.delete(oldest)
      this.#size -= oldest.length
    }
  }
}

/** Invariant: lists have the same key only if they are the same; so each text comes with its length. */
function keyOf(kind: PolicyKind, texts: readonly DocumentText[]): string {
  const parts = texts.map(({ name, text }) => ` ${name} ${text.length}:${text}`)
  return kind + parts.join('')
}

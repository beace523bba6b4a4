/** Longest text or list, in characters, that is worth a look. */
const longest = 512

/**
 * Equal texts and lists become the same object, so that what many have in common is held once. Bounded: when
 * `capacity` different ones are held, it begins anew.
 */
export class Interned {
  readonly #capacity: number
  readonly #texts = new Map<string, string>()
  readonly #lists = new Map<string, readonly string[]>()
  readonly #words = new Map<string, readonly string[]>()

  constructor(capacity = 4096) {
    this.#capacity = capacity
  }

  text(text: string): string {
    if (text.length > longest) return text
    return this.#texts.get(text) ?? this.#keep(this.#texts, text, text)
  }

  /** The same items in the same order; frozen, because many share it. */
  list(items: readonly string[]): readonly string[] {
    const key = JSON.stringify(items)
    const known = this.#lists.get(key)
    if (known !== undefined) return known
    const list = Object.freeze([...items])
    return key.length > longest ? list : this.#keep(this.#lists, key, list)
  }

  /** What stands between the spaces of a text. */
  words(text: string): readonly string[] {
    const known = this.#words.get(text)
    if (known !== undefined) return known
    const words = this.list(text.split(' ').filter((word) => word !== ''))
    return text.length > longest ? words : this.#keep(this.#words, text, words)
  }

  #keep<Value>(map: Map<string, Value>, key: string, value: Value): Value {
    if (map.size >= this.#capacity) map.clear()
    map.set(key, value)
    return value
  }
}

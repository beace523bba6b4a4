/** Something that waits, and for whom. */
export interface Waiting {
  /** Who is served in turn with others: a principal, or an address nobody vouches for. */
  readonly caller: string
}

/**
 * A bounded queue that serves callers in turn: one request of each, oldest first, however many one of them
 * has waiting. When it is full, the longest line loses its last place to a caller who has fewer, so nobody
 * is kept out by another's flood.
 */
export class FairQueue<Item extends Waiting> {
  /** In order of turns; a line is never empty. */
  readonly #lines = new Map<string, Set<Item>>()
  readonly #capacity: number
  #size = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get size(): number {
    return this.#size
  }

  /** @returns who has no place now: nobody, the newcomer, or the last of the longest line. */
  add(item: Item): Item | undefined {
    const displaced = this.#size < this.#capacity ? undefined : this.#leastEntitled(item)
    if (displaced === item) return item
    if (displaced !== undefined) this.delete(displaced)
    const line = this.#lines.get(item.caller)
    if (line === undefined) this.#lines.set(item.caller, new Set([item]))
    else line.add(item)
    this.#size += 1
    return displaced
  }

  /** Whose turn it is; stays where it is. */
  peek(): Item | undefined {
    if (this.#size === 0) return undefined
    for (const line of this.#lines.values()) for (const item of line) return item
    return undefined
  }

  /** Takes whose turn it is; the others of the same caller go behind everybody. */
  take(): Item | undefined {
    const item = this.peek()
    if (item === undefined) return undefined
    const line = this.#lines.get(item.caller)
    this.delete(item)
    if (line !== undefined && line.size > 0) {
      this.#lines.delete(item.caller)
      this.#lines.set(item.caller, line)
    }
    return item
  }

  delete(item: Item): void {
    const line = this.#lines.get(item.caller)
    if (line?.delete(item) !== true) return
    this.#size -= 1
    if (line.size === 0) this.#lines.delete(item.caller)
  }

  *[Symbol.iterator](): Generator<Item> {
    for (const line of this.#lines.values()) yield* line
  }

  #leastEntitled(newcomer: Item): Item {
    let longest = this.#lines.get(newcomer.caller)
    const own = (longest?.size ?? 0) + 1
    for (const line of this.#lines.values()) if (line.size > (longest?.size ?? 0)) longest = line
    if (longest === undefined || longest.size <= own) return newcomer
    return [...longest].at(-1) ?? newcomer
  }
}

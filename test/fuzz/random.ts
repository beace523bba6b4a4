/** Numbers that follow from a seed alone: the same on every machine, and for every case apart. */
export class Random {
  #state: number

  constructor(seed: number, index: number) {
    this.#state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)
    for (let round = 0; round < 3; round++) this.#next()
  }

  /** 0 to `below`, which is left out. */
  below(below: number): number {
    return Math.floor((this.#next() / 2 ** 32) * below)
  }

  /** So many times in a hundred, or in as many as given. */
  chance(times: number, of = 100): boolean {
    return this.below(of) < times
  }

  pick<Item>(items: readonly [Item, ...Item[]]): Item {
    return items[this.below(items.length)] ?? items[0]
  }

  /** Mulberry32. */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}

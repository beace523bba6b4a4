/**
 * Counts of latencies in buckets whose width grows with the value, after the idea of HdrHistogram: every
 * value is kept to within 1/512 of itself, in a few thousand numbers, however many are recorded.
 */

const SUB_BUCKET_BITS = 10
const SUB_BUCKETS = 2 ** SUB_BUCKET_BITS
const HALF = SUB_BUCKETS / 2
/** Values from 2^36 (19 hours in microseconds) on count as that. */
const LARGEST = 2 ** 36

export class Histogram {
  readonly #counts = new Float64Array(indexOf(LARGEST) + 1)
  #total = 0
  #largest = 0

  /** @param value - not negative; fractions are cut off. */
  record(value: number): void {
    const bounded = Math.min(Math.max(0, Math.floor(value)), LARGEST)
    this.#counts[indexOf(bounded)]! += 1
    this.#total += 1
    if (bounded > this.#largest) this.#largest = bounded
  }

  get total(): number {
    return this.#total
  }

  get largest(): number {
    return this.#largest
  }

  /** The smallest bucket's middle that so many per cent of the values do not exceed; NaN of nothing. */
  percentile(percent: number): number {
    if (this.#total === 0) return Number.NaN
    const wanted = Math.max(1, Math.ceil((percent / 100) * this.#total))
    let seen = 0
    for (let index = 0; index < this.#counts.length; index += 1) {
      seen += this.#counts[index]!
      if (seen >= wanted) return Math.min(middleOf(index), this.#largest)
    }
    return this.#largest
  }
}

/** Below 1024 each value has its bucket; above, each power of two has 512. */
function indexOf(value: number): number {
  if (value < SUB_BUCKETS) return value
  const shift = Math.floor(Math.log2(value)) - (SUB_BUCKET_BITS - 1)
  return shift * HALF + Math.floor(value / 2 ** shift)
}

function middleOf(index: number): number {
  if (index < SUB_BUCKETS) return index
  const shift = Math.floor(index / HALF) - 1
  const low = (index - shift * HALF) * 2 ** shift
  return low + (2 ** shift - 1) / 2
}

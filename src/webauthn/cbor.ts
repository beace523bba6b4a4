/** What CTAP2 canonical CBOR can hold here: no floats, no tags, no 64-bit integers beyond 2^53. */
export type CborValue =
  | number
  | string
  | boolean
  | null
  | Uint8Array
  | readonly CborValue[]
  | CborMap
export type CborMap = ReadonlyMap<number | string, CborValue>

/** Deepest nesting of arrays and maps: the deepest attestation format (`compound`) needs five. */
const depthLimit = 6
/** Values in one text, keys included: a packed statement with a long chain has about thirty. */
const itemLimit = 256

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Decodes one CBOR value that fills `bytes` exactly, as strictly as the CTAP2 canonical form demands:
 * definite lengths, shortest integers and lengths, no key twice, no tags, valid UTF-8. The order of map
 * keys is not demanded, because nothing here depends on it. `undefined` = refused.
 */
export function parseCbor(bytes: Uint8Array): CborValue | undefined {
  const prefix = parseCborPrefix(bytes, 0)
  return prefix?.end === bytes.byteLength ? prefix.value : undefined
}

/** Decodes the CBOR value that begins at `start` and says where it ends (exclusive). */
export function parseCborPrefix(
  bytes: Uint8Array,
  start: number,
): { readonly value: CborValue; readonly end: number } | undefined {
  const reader = new Reader(bytes, start)
  const value = reader.value(0)
  return value === undefined ? undefined : { value, end: reader.at }
}

export function isCborMap(value: CborValue | undefined): value is CborMap {
  return value instanceof Map
}

class Reader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #items = 0
  at: number

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.at = start
  }

  value(depth: number): CborValue | undefined {
    this.#items++
    if (this.#items > itemLimit || this.#left() < 1) return undefined
    const head = this.#view.getUint8(this.at++)
    const major = head >> 5
    if (major === 7) return simpleValue(head)
    const argument = this.#argument(head & 0x1f)
    if (argument === undefined) return undefined
    switch (major) {
      case 0:
        return argument
      case 1:
        return -1 - argument
      case 2:
        return this.#take(argument)
      case 3:
        return decodeText(this.#take(argument))
      case 4:
        return this.#array(argument, depth + 1)
      case 5:
        return this.#map(argument, depth + 1)
      default:
        return undefined
    }
  }

  /** The number after the first byte; refuses indefinite lengths and any longer spelling than needed. */
  #argument(short: number): number | undefined {
    if (short < 24) return short
    if (short > 27) return undefined
    const size = 1 << (short - 24)
    if (this.#left() < size) return undefined
    const at = this.at
    this.at += size
    switch (size) {
      case 1:
        return atLeast(24, this.#view.getUint8(at))
      case 2:
        return atLeast(0x100, this.#view.getUint16(at))
      case 4:
        return atLeast(0x1_0000, this.#view.getUint32(at))
      default: {
        const wide = Number(this.#view.getBigUint64(at))
        return wide < Number.MAX_SAFE_INTEGER ? atLeast(0x1_0000_0000, wide) : undefined
      }
    }
  }

  #array(length: number, depth: number): readonly CborValue[] | undefined {
    if (depth > depthLimit) return undefined
    const items: CborValue[] = []
    for (let index = 0; index < length; index++) {
      const item = this.value(depth)
      if (item === undefined) return undefined
      items.push(item)
    }
    return items
  }

  #map(length: number, depth: number): CborMap | undefined {
    if (depth > depthLimit) return undefined
    const map = new Map<number | string, CborValue>()
    for (let index = 0; index < length; index++) {
      const key = this.value(depth)
      if ((typeof key !== 'number' && typeof key !== 'string') || map.has(key)) return undefined
      const value = this.value(depth)
      if (value === undefined) return undefined
      map.set(key, value)
    }
    return map
  }

  /** A copy, so that what is checked later cannot change under the reader's feet. */
  #take(length: number): Uint8Array | undefined {
    if (length > this.#left()) return undefined
    this.at += length
    return new Uint8Array(this.#bytes.subarray(this.at - length, this.at))
  }

  #left(): number {
    return this.#bytes.byteLength - this.at
  }
}

function atLeast(minimum: number, value: number): number | undefined {
  return value >= minimum ? value : undefined
}

function simpleValue(head: number): boolean | null | undefined {
  switch (head) {
    case 0xf4:
      return false
    case 0xf5:
      return true
    case 0xf6:
      return null
    default:
      return undefined
  }
}

function decodeText(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined) return undefined
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

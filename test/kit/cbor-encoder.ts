/** What the encoder takes. Objects and maps keep their order; `Raw` bytes go out as they are. */
export type Encodable =
  | number
  | string
  | boolean
  | null
  | Uint8Array
  | Raw
  | readonly Encodable[]
  | ReadonlyMap<number | string, Encodable>

/** Bytes that are CBOR already, well-formed or not. */
export class Raw {
  readonly bytes: Uint8Array
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

/** Encodes with shortest lengths and integers, written apart from the decoder it is used against. */
export function encodeCbor(value: Encodable): Buffer {
  if (value instanceof Raw) return Buffer.from(value.bytes)
  if (typeof value === 'number') return value >= 0 ? head(0, value) : head(1, -1 - value)
  if (typeof value === 'boolean') return Buffer.from([value ? 0xf5 : 0xf4])
  if (value === null) return Buffer.from([0xf6])
  if (typeof value === 'string') {
    const text = Buffer.from(value)
    return Buffer.concat([head(3, text.length), text])
  }
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.byteLength), value])
  if (value instanceof Map) {
    const entries = [...(value as ReadonlyMap<number | string, Encodable>)]
    const parts = entries.map(([key, item]) => Buffer.concat([encodeCbor(key), encodeCbor(item)]))
    return Buffer.concat([head(5, entries.length), ...parts])
  }
  const items = value as readonly Encodable[]
  return Buffer.concat([head(4, items.length), ...items.map(encodeCbor)])
}

function head(major: number, argument: number): Buffer {
  const top = major << 5
  if (argument < 24) return Buffer.from([top | argument])
  if (argument < 0x100) return Buffer.from([top | 24, argument])
  if (argument < 0x1_0000) return Buffer.from([top | 25, argument >> 8, argument & 0xff])
  const bytes = Buffer.alloc(argument < 0x1_0000_0000 ? 5 : 9)
  bytes[0] = top | (bytes.length === 5 ? 26 : 27)
  if (bytes.length === 5) bytes.writeUInt32BE(argument, 1)
  else bytes.writeBigUInt64BE(BigInt(argument), 1)
  return bytes
}

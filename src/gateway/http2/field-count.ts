/**
 * How many fields a whole header block holds (RFC 7541 6), without decoding any. `undefined` for what is no
 * header block.
 *
 * The runtime's HTTP/2 leaves fields that may not occur out of what it hands on, and says nothing; the
 * count is how we know.
 */
export function countFields(block: Buffer): number | undefined {
  let fields = 0
  let at = 0
  while (at < block.length) {
    const first = block[at] ?? 0
    const next = afterRepresentation(block, at, first)
    if (next === undefined || next > block.length) return undefined
    at = next
    // 6.3: a change of the table's size is no field.
    if ((first & 0xe0) !== 0x20) fields += 1
  }
  return fields
}

function afterRepresentation(block: Buffer, at: number, first: number): number | undefined {
  if ((first & 0x80) !== 0) return readInteger(block, at, 7)?.next
  if ((first & 0xe0) === 0x20) return readInteger(block, at, 5)?.next
  const index = readInteger(block, at, (first & 0x40) === 0 ? 4 : 6)
  if (index === undefined) return undefined
  const value = index.value === 0 ? afterString(block, index.next) : index.next
  return value === undefined ? undefined : afterString(block, value)
}

function afterString(block: Buffer, at: number): number | undefined {
  const length = readInteger(block, at, 7)
  return length === undefined ? undefined : length.next + length.value
}

/** 5.1, up to what fits a header block of any size we read. */
function readInteger(
  block: Buffer,
  at: number,
  bits: number,
): { readonly value: number; readonly next: number } | undefined {
  const first = block[at]
  if (first === undefined) return undefined
  const most = 2 ** bits - 1
  let value = first & most
  if (value < most) return { value, next: at + 1 }
  for (let index = 1; index <= 4; index++) {
    const byte = block[at + index]
    if (byte === undefined) return undefined
    value += (byte & 0x7f) * 128 ** (index - 1)
    if (byte < 128) return { value, next: at + index + 1 }
  }
  return undefined
}

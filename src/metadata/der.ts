/** One DER element inside a larger text: its tag, its contents and the whole. */
export interface Element {
  readonly tag: number
  readonly content: Uint8Array
  readonly encoded: Uint8Array
}

/**
 * The elements that fill `bytes` exactly, tags of one byte, lengths in their shortest form of at most three
 * bytes (X.690 8.1). As many as there are: the caller bounds the size. `undefined` = refused.
 */
export function readElements(bytes: Uint8Array): readonly Element[] | undefined {
  const found: Element[] = []
  for (let at = 0; at < bytes.byteLength;) {
    const element = readElement(bytes, at)
    if (element === undefined) return undefined
    found.push(element)
    at += element.encoded.byteLength
  }
  return found
}

/** The children of an element of this tag. */
export function children(
  element: Element | undefined,
  tag: number,
): readonly Element[] | undefined {
  return element?.tag === tag ? readElements(element.content) : undefined
}

function readElement(bytes: Uint8Array, at: number): Element | undefined {
  const tag = bytes[at]
  const first = bytes[at + 1]
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined
  const extra = first < 0x80 ? 0 : first - 0x80
  const length = first < 0x80 ? first : readLength(bytes.subarray(at + 2, at + 2 + extra), extra)
  if (length === undefined) return undefined
  const start = at + 2 + extra
  const end = start + length
  if (end > bytes.byteLength) return undefined
  return { tag, content: bytes.subarray(start, end), encoded: bytes.subarray(at, end) }
}

function readLength(digits: Uint8Array, size: number): number | undefined {
  if (size < 1 || size > 3 || digits.byteLength !== size || digits[0] === 0) return undefined
  const length = digits.reduce((sum, digit) => sum * 256 + digit, 0)
  return length < 0x80 ? undefined : length
}

/** One DER element: its tag, its contents, and the whole as it was encoded. */
export interface DerElement {
  readonly tag: number
  readonly content: Uint8Array
  readonly encoded: Uint8Array
}

/** The tags that certificates use here (X.690 section 8). */
export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  version: 0xa0,
  extensions: 0xa3,
} as const

/** Children of one element: a distinguished name or an extension list of a real leaf has far fewer. */
const childLimit = 64

/** Decodes one element that fills `bytes` exactly. `undefined` = refused. */
export function parseDer(bytes: Uint8Array): DerElement | undefined {
  const element = readElement(bytes, 0)
  return element?.encoded.byteLength === bytes.byteLength ? element : undefined
}

/** Decodes the elements inside one of tag `tag`; they fill its contents exactly. */
export function derChildren(
  element: DerElement | undefined,
  tag: number,
): readonly DerElement[] | undefined {
  if (element?.tag !== tag) return undefined
  const children: DerElement[] = []
  for (let at = 0; at < element.content.byteLength;) {
    const child = readElement(element.content, at)
    if (child === undefined || children.length === childLimit) return undefined
    children.push(child)
    at += child.encoded.byteLength
  }
  return children
}

/** Definite lengths in their shortest form, at most 65,535 bytes, tags of one byte. */
function readElement(bytes: Uint8Array, start: number): DerElement | undefined {
  const tag = bytes[start]
  if (tag === undefined || (tag & 0x1f) === 0x1f) return undefined
  const content = readContent(bytes, start + 1)
  return content && { tag, content, encoded: bytes.subarray(start, contentEnd(content, bytes)) }
}

/** An element of a context-specific constructed tag, `[n]` around something. */
export interface TaggedElement {
  readonly number: number
  readonly content: Uint8Array
}

/** The elements `[n]` that fill `bytes`, `n` at most 16,383 and in its shortest form. */
export function parseTagged(bytes: Uint8Array): readonly TaggedElement[] | undefined {
  const found: TaggedElement[] = []
  for (let at = 0; at < bytes.byteLength;) {
    const tag = readTagNumber(bytes, at)
    const content = tag === undefined ? undefined : readContent(bytes, tag.end)
    if (tag === undefined || content === undefined || found.length === childLimit) return undefined
    found.push({ number: tag.number, content })
    at = contentEnd(content, bytes)
  }
  return found
}

/** X.690 8.1.2.4: from 31 on, the number stands in bytes of its own, seven bits each. */
function readTagNumber(bytes: Uint8Array, at: number): { number: number; end: number } | undefined {
  const [first = 0, second, third] = bytes.subarray(at, at + 3)
  if (first >> 5 !== 0b101) return undefined
  if ((first & 0x1f) !== 0x1f) return { number: first & 0x1f, end: at + 1 }
  if (second === undefined || second === 0x80) return undefined
  if (second < 0x80) return second < 31 ? undefined : { number: second, end: at + 2 }
  if (third === undefined || third >= 0x80) return undefined
  return { number: (second & 0x7f) * 128 + third, end: at + 3 }
}

function contentEnd(content: Uint8Array, bytes: Uint8Array): number {
  return content.byteOffset - bytes.byteOffset + content.byteLength
}

/** What follows the tag: a length, and as many bytes. */
function readContent(bytes: Uint8Array, start: number): Uint8Array | undefined {
  const first = bytes[start]
  if (first === undefined) return undefined
  const extra = first < 0x80 ? 0 : first - 0x80
  const length = extra === 0 && first < 0x80 ? first : longLength(bytes, start + 1, extra)
  if (length === undefined) return undefined
  const contentStart = start + 1 + extra
  const end = contentStart + length
  return end > bytes.byteLength ? undefined : bytes.subarray(contentStart, end)
}

function longLength(bytes: Uint8Array, start: number, size: number): number | undefined {
  const high = bytes[start]
  if (high === undefined) return undefined
  if (size === 1) return high >= 0x80 ? high : undefined
  const low = bytes[start + 1]
  return size === 2 && high !== 0 && low !== undefined ? high * 256 + low : undefined
}

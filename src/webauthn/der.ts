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
  utf8String: 0x0c,
  printableString: 0x13,
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
  const first = bytes[start + 1]
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined
  const extra = first < 0x80 ? 0 : first - 0x80
  const length = extra === 0 && first < 0x80 ? first : longLength(bytes, start + 2, extra)
  if (length === undefined) return undefined
  const contentStart = start + 2 + extra
  const end = contentStart + length
  if (end > bytes.byteLength) return undefined
  return { tag, content: bytes.subarray(contentStart, end), encoded: bytes.subarray(start, end) }
}

function longLength(bytes: Uint8Array, start: number, size: number): number | undefined {
  const high = bytes[start]
  if (high === undefined) return undefined
  if (size === 1) return high >= 0x80 ? high : undefined
  const low = bytes[start + 1]
  return size === 2 && high !== 0 && low !== undefined ? high * 256 + low : undefined
}

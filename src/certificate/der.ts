/** Encodes DER (X.690): just the types that certificates are made of. */

const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

/** One element: tag of one byte, definite length in its shortest form. */
export function element(tagByte: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  return Buffer.concat([Buffer.from([tagByte, ...lengthBytes(content.length)]), content])
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length]
  const bytes: number[] = []
  for (let left = length; left > 0; left = Math.floor(left / 256)) bytes.unshift(left % 256)
  return [0x80 + bytes.length, ...bytes]
}

export function sequence(...contents: readonly Uint8Array[]): Buffer {
  return element(tag.sequence, ...contents)
}

export function setOf(...contents: readonly Uint8Array[]): Buffer {
  return element(tag.set, ...contents)
}

export function octetString(content: Uint8Array): Buffer {
  return element(tag.octetString, content)
}

/** Whole bytes, or with unused bits at the end of the last one. */
export function bitString(content: Uint8Array, unused = 0): Buffer {
  return element(tag.bitString, Buffer.from([unused]), content)
}

export function isTrue(): Buffer {
  return element(tag.boolean, Buffer.from([0xff]))
}

/** A number that is not negative, from its big-endian bytes. */
export function integer(bytes: Uint8Array): Buffer {
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start++
  const shortest = bytes.subarray(start)
  const sign = (shortest[0] ?? 0) >= 0x80 ? [Buffer.from([0])] : []
  return element(tag.integer, ...sign, shortest)
}

export function utf8String(text: string): Buffer {
  return element(tag.utf8String, Buffer.from(text, 'utf8'))
}

/** `2.5.29.17` */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return element(tag.objectIdentifier, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]))
}

function base128(arc: number): number[] {
  const digits = [arc & 0x7f]
  for (let left = arc >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80)
  return digits
}

/** Whole seconds; two digits of the year until 2049, four from 2050 on (RFC 5280 4.1.2.5). */
export function time(at: number): Buffer {
  const digits = new Date(at).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)
  return digits < '2050'
    ? element(tag.utcTime, Buffer.from(`${digits.slice(2)}Z`))
    : element(tag.generalizedTime, Buffer.from(`${digits}Z`))
}

/** `[n]` in place of the type's own tag; `constructed` when elements are inside. */
export function implicit(n: number, constructed: boolean, ...contents: Uint8Array[]): Buffer {
  return element(0x80 + (constructed ? 0x20 : 0) + n, ...contents)
}

/** `[n]` around a whole element. */
export function explicit(n: number, content: Uint8Array): Buffer {
  return element(0xa0 + n, content)
}

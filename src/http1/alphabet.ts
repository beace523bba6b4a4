/** 1 for a byte of a token (RFC 9110 5.6.2). */
export const tokenByte = byteTable(/[!#$%&'*+\-.^_`|~0-9A-Za-z]/)
/** 1 for a byte of a field value: HTAB, SP, VCHAR, obs-text (RFC 9110 5.5). */
export const valueByte = byteTable(/[\t\x20-\x7e\x80-\xff]/)

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const notInValue = /[^\t\x20-\x7e\x80-\xff]/

// Whole strings are judged by the engine's own matcher: this runs for every header of every request.
export function isToken(text: string): boolean {
  return token.test(text)
}

export function isFieldValue(text: string): boolean {
  return !notInValue.test(text)
}

function byteTable(members: RegExp): Uint8Array {
  const table = new Uint8Array(256)
  for (let byte = 0; byte < 256; byte++) {
    if (members.test(String.fromCharCode(byte))) table[byte] = 1
  }
  return table
}

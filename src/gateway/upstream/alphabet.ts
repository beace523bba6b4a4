/** 1 for a byte of a token (RFC 9110 5.6.2). */
export const tokenByte = byteTable(/[!#$%&'*+\-.^_`|~0-9A-Za-z]/)
/** 1 for a byte of a field value: HTAB, SP, VCHAR, obs-text (RFC 9110 5.5). */
export const valueByte = byteTable(/[\t\x20-\x7e\x80-\xff]/)

export function isToken(text: string): boolean {
  return text.length > 0 && consistsOf(text, tokenByte)
}

export function isFieldValue(text: string): boolean {
  return consistsOf(text, valueByte)
}

function consistsOf(text: string, table: Uint8Array): boolean {
  for (let at = 0; at < text.length; at++) {
    if (table[text.charCodeAt(at)] !== 1) return false
  }
  return true
}

function byteTable(members: RegExp): Uint8Array {
  const table = new Uint8Array(256)
  for (let byte = 0; byte < 256; byte++) {
    if (members.test(String.fromCharCode(byte))) table[byte] = 1
  }
  return table
}

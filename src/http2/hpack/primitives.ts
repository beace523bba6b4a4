/**
 * A number behind a prefix (RFC 7541 5.1).
 * @param flags - the bits above the prefix.
 * @param prefix - the prefix, all ones.
 */
export function integer(flags: number, prefix: number, value: number): string {
  if (value < prefix) return String.fromCharCode(flags | value)
  let coded = String.fromCharCode(flags | prefix)
  let rest = value - prefix
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) {
    coded += String.fromCharCode((rest % 0x80) | 0x80)
  }
  return coded + String.fromCharCode(rest)
}

/** A string as it is (RFC 7541 5.2). */
export function text(value: string): string {
  return integer(0, 0x7f, value.length) + value
}

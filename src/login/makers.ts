/** Words by which descriptions of models tell their maker without naming it. */
const marks: ReadonlyMap<string, readonly string[]> = new Map([
  ['yubico', ['yubikey']],
  ['google', ['titan']],
  ['feitian', ['epass', 'biopass']],
  ['microsoft', ['windows hello']],
  ['apple', ['icloud keychain']],
])

/**
 * Whether a text, such as a description of a model or an organization in a certificate, is of a maker: the
 * words of its name stand in it, whole, one after the other, in either case of letters.
 */
export function isOfMaker(text: string, maker: string): boolean {
  const name = wordsOf(maker)
  const padded = ` ${wordsOf(text)} `
  return [name, ...(marks.get(name) ?? [])].some(
    (mark) => mark !== '' && padded.includes(` ${mark} `),
  )
}

function wordsOf(text: string): string {
  return text
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '')
    .join(' ')
}

/**
 * A serial number as it is compared: hex digits without leading zeros. People write what is printed on a key
 * (decimal) or its octets (`0x` and hex); certificates hold octets.
 */
export function comparableSerial(written: string): string {
  const hex = written.startsWith('0x') ? written.slice(2).toLowerCase() : undefined
  return (hex ?? BigInt(written).toString(16)).replace(/^0+/, '')
}

/**
 * Comparisons of the policy language, written as plainly as their description and without a line of
 * `src/policy`: slow, and easy to check by reading.
 */

/** A fact that is not of the type its operator needs. */
export class WrongType extends Error {}

/** A character, or a wildcard. */
export type Sign = string | { readonly wild: 'any-run' | 'any-one' }

/** Whether the signs spell the text: every way of dividing the text is tried. */
export function spells(signs: readonly Sign[], text: string): boolean {
  let ends: readonly number[] = [0]
  for (const sign of signs) ends = [...new Set(ends.flatMap((end) => endsAfter(sign, text, end)))]
  return ends.includes(text.length)
}

/** Where the sign may end that begins here. */
function endsAfter(sign: Sign, text: string, begin: number): readonly number[] {
  if (typeof sign === 'string') return text.startsWith(sign, begin) ? [begin + sign.length] : []
  if (sign.wild === 'any-one') return begin < text.length ? [begin + 1] : []
  return Array.from({ length: text.length - begin + 1 }, (_, length) => begin + length)
}

/** A decimal as a whole number of 10^-20, which keeps every digit. */
export function decimal(text: string): bigint {
  const found = /^([+-]?)(\d+)(?:\.(\d{1,20}))?$/.exec(text)
  if (found === null) throw new WrongType(text)
  const [, sign = '', whole = '', fraction = ''] = found
  const size = BigInt(whole + fraction.padEnd(20, '0'))
  // Ours: larger ones are not told apart by everybody who reads JSON.
  if (size > 9_007_199_254_740_991n * 10n ** 20n) throw new WrongType(text)
  return sign === '-' ? -size : size
}

/** Milliseconds since 1970. */
export function moment(text: string): bigint {
  if (/^\d+$/.test(text) && text.length !== 4 && text.length !== 8) return BigInt(text) * 1000n
  const form = /^\d{4}-\d{2}(-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?)?$/
  const found = form.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(found)) throw new WrongType(text)
  return BigInt(found)
}

export function truth(text: string): boolean {
  const lower = text.toLowerCase()
  if (lower !== 'true' && lower !== 'false') throw new WrongType(text)
  return lower === 'true'
}

export function bytes(text: string): string {
  const decoded = Buffer.from(text, 'base64')
  if (decoded.toString('base64') !== text) throw new WrongType(text)
  return decoded.toString('hex')
}

/** The bits of an address, as text: 32 or 128 of them. */
export function addressBits(text: string): string {
  const dots = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  if (dots !== null) return dots.slice(1).map(octetBits).join('')
  const [before = '', after, ...more] = text.split('::')
  const high = before === '' ? [] : before.split(':')
  const low = after === undefined || after === '' ? [] : after.split(':')
  const middle = after === undefined ? 0 : 8 - groupCount(high) - groupCount(low)
  const groups = [...high, ...Array.from({ length: middle }, () => '0'), ...low]
  const bits = groups.map(groupBits).join('')
  const isWrong = more.length > 0 || (after !== undefined && middle < 1)
  if (isWrong || bits.length !== 128) throw new WrongType(text)
  const mapped = '0'.repeat(80) + '1'.repeat(16)
  return bits.startsWith(mapped) ? bits.slice(mapped.length) : bits
}

function groupCount(groups: readonly string[]): number {
  return groups.reduce((count, group) => count + (group.includes('.') ? 2 : 1), 0)
}

function groupBits(group: string): string {
  if (group.includes('.')) return group.split('.').map(octetBits).join('')
  if (!/^[0-9a-f]{1,4}$/i.test(group)) throw new WrongType(group)
  return Number.parseInt(group, 16).toString(2).padStart(16, '0')
}

function octetBits(octet: string): string {
  const number = Number(octet)
  if (String(number) !== octet || number > 255) throw new WrongType(octet)
  return number.toString(2).padStart(8, '0')
}

/** Whether the address is the other, or within the range that the other is. */
export function isWithin(address: string, range: string): boolean {
  const found = addressBits(address)
  const [base = '', length] = range.split('/')
  const bits = addressBits(base)
  if (found.length !== bits.length) return false
  const inV6 = base.includes(':') && bits.length === 32 ? 96 : 0
  const prefix = length === undefined ? bits.length : Number(length) - inV6
  return found.slice(0, prefix) === bits.slice(0, prefix)
}

/** The six parts of an ARN; the last one keeps what colons it has. */
export function arnParts(text: string): readonly string[] {
  const parts = text.split(':')
  return parts.length < 6 ? parts : [...parts.slice(0, 5), parts.slice(5).join(':')]
}

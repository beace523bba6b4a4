/** An IP address as 32-bit words: one for IPv4, four for IPv6. */
export type Address = readonly number[]

/** All addresses that share the first `length` bits. */
export interface AddressRange {
  readonly address: Address
  readonly length: number
}

/**
 * Reads an address. IPv4 in four decimal numbers without leading zeros; IPv6 as RFC 4291 2.2 writes
 * it. `undefined` for everything else.
 *
 * Invariant: an IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) is the IPv4 address, so that one client
 * has one spelling.
 */
export function parseAddress(text: string): Address | undefined {
  if (text.length > longestAddress) return undefined
  if (!text.includes(':')) {
    const word = parseIpv4(text)
    return word === undefined ? undefined : [word]
  }
  const words = parseIpv6(text)
  return words !== undefined && isMapped(words) ? words.slice(3) : words
}

/** Reads an address or a CIDR range; bits after the prefix do not count. */
export function parseAddressRange(text: string): AddressRange | undefined {
  const slash = text.indexOf('/')
  const address = parseAddress(slash === -1 ? text : text.slice(0, slash))
  if (address === undefined) return undefined
  const bits = address.length * 32
  if (slash === -1) return { address, length: bits }
  const digits = text.slice(slash + 1)
  if (!/^(?:0|[1-9]\d{0,2})$/.test(digits)) return undefined
  // A mapped range is written with the bits of IPv6; below 96 it would reach out of IPv4.
  const length = Number(digits) - (text.includes(':') && bits === 32 ? mappedBits : 0)
  return length < 0 || length > bits ? undefined : { address, length }
}

/** Whether the address lies in the range; IPv4 and IPv6 never contain each other. */
export function isInRange(address: Address, range: AddressRange): boolean {
  if (address.length !== range.address.length) return false
  let left = range.length
  for (let index = 0; left > 0; index++) {
    const difference = (address[index] ?? 0) ^ (range.address[index] ?? 0)
    if (difference >>> Math.max(32 - left, 0) !== 0) return false
    left -= 32
  }
  return true
}

const longestAddress = 45
const mappedBits = 96

function isMapped(words: Address): boolean {
  return words[0] === 0 && words[1] === 0 && words[2] === 0xffff
}

/** One pass: four numbers below 256, of one to three digits, without leading zeros. */
function parseIpv4(text: string): number | undefined {
  let [word, octet, digits, dots] = [0, 0, 0, 0]
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - digitZero
    if (digit === dot - digitZero && digits > 0 && dots < 3) {
      word = word * 256 + octet
      octet = 0
      digits = 0
      dots++
    } else {
      if (digit < 0 || digit > 9 || (digits > 0 && octet === 0)) return undefined
      octet = octet * 10 + digit
      digits++
      if (octet > 255) return undefined
    }
  }
  return dots === 3 && digits > 0 ? word * 256 + octet : undefined
}

const digitZero = 0x30
const dot = 0x2e

function parseIpv6(text: string): Address | undefined {
  const halves = text.split('::', 3)
  if (halves.length > 2) return undefined
  const [before = '', after] = halves
  const high = parseGroups(before, after === undefined)
  const low = after === undefined ? [] : parseGroups(after, true)
  if (high === undefined || low === undefined) return undefined
  const missing = 8 - high.length - low.length
  if (after === undefined ? missing !== 0 : missing < 1) return undefined
  const groups = [...high, ...Array.from({ length: missing }, () => 0), ...low]
  const view = new DataView(new ArrayBuffer(16))
  for (const [at, group] of groups.entries()) view.setUint16(at * 2, group)
  return [0, 4, 8, 12].map((at) => view.getUint32(at))
}

/** The 16-bit groups of one side of `::`; only the last side may end in IPv4 notation. */
function parseGroups(text: string, isLast: boolean): readonly number[] | undefined {
  if (text === '') return []
  const groups: number[] = []
  const pieces = text.split(':', 9)
  for (const [index, piece] of pieces.entries()) {
    if (isLast && index === pieces.length - 1 && piece.includes('.')) {
      const word = parseIpv4(piece)
      if (word === undefined) return undefined
      groups.push(Math.floor(word / 0x10000), word % 0x10000)
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(piece)) return undefined
      groups.push(Number.parseInt(piece, 16))
    }
  }
  return groups
}

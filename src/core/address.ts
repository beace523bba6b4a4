import { isIPv4, isIPv6 } from 'node:net'

/**
 * The version of an IP address, 0 for what is none; as `net.isIP`, which compiles a large expression for the first
 * text that is not of version 4, a name among them: 4 ms of a start. An address of version 6 has a colon.
 */
export function addressFamily(text: string): 0 | 4 | 6 {
  if (isIPv4(text)) return 4
  return text.includes(':') && isIPv6(text) ? 6 : 0
}

const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/

/**
 * The one spelling of an IP address: IPv6 in lower case with its longest run of zeros left out (RFC 5952),
 * IPv4 mapped into IPv6 as IPv4. `undefined` for what is no address, zones among it.
 */
export function canonicalAddress(text: string): string | undefined {
  const family = addressFamily(text)
  if (family !== 6) return family === 4 ? text : undefined
  const written = URL.parse(`http://[${text}]`)?.hostname.slice(1, -1)
  const match = mapped.exec(written ?? '')
  if (match === null) return written
  const [high, low] = [Number.parseInt(match[1] ?? '', 16), Number.parseInt(match[2] ?? '', 16)]
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.')
}

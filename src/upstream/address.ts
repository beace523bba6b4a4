import { isIPv4, isIPv6 } from 'node:net'

/**
 * IPv4 blocks that are not on the public Internet: the IANA special-purpose registry (RFC 6890 and
 * its updates), multicast (RFC 5771) and reserved space. `[first octets as a number, prefix length]`.
 */
const privateBlocks4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8], // this network, RFC 791
  ['10.0.0.0', 8], // private, RFC 1918
  ['100.64.0.0', 10], // carrier-grade NAT, RFC 6598
  ['127.0.0.0', 8], // loopback, RFC 1122
  ['169.254.0.0', 16], // link-local, RFC 3927
  ['172.16.0.0', 12], // private, RFC 1918
  ['192.0.0.0', 24], // protocol assignments, RFC 6890
  ['192.0.2.0', 24], // documentation, RFC 5737
  ['192.88.99.0', 24], // 6to4 relay, RFC 7526
  ['192.168.0.0', 16], // private, RFC 1918
  ['198.18.0.0', 15], // benchmarking, RFC 2544
  ['198.51.100.0', 24], // documentation, RFC 5737
  ['203.0.113.0', 24], // documentation, RFC 5737
  ['224.0.0.0', 4], // multicast, RFC 5771
  ['240.0.0.0', 4], // reserved and broadcast, RFC 1112
]

/** Where cloud machines keep their credentials: refused unless the URL names the address itself. */
export const metadataAddresses: readonly string[] = ['169.254.169.254', 'fd00:ec2::254']

/**
 * Whether an address is anything but an ordinary public unicast one: loopback, private, link-local,
 * unique-local, carrier-grade NAT, multicast, unspecified, reserved, or an IPv6 form (mapped,
 * compatible, NAT64, 6to4, Teredo, ISATAP) that leads to such an IPv4 address.
 *
 * @param ip - an address as `net.isIP` knows it; a zone (`%eth0`) or anything else is private, since
 *   what cannot be judged must not be connected to.
 */
export function isPrivateAddress(ip: string): boolean {
  if (isIPv4(ip)) return isPrivate4(parse4(ip))
  const groups = parse6(ip)
  return groups === undefined || isPrivate6(groups)
}

/** Whether an address is a cloud metadata service, in whatever spelling or embedding. */
export function isMetadataAddress(ip: string): boolean {
  if (isIPv4(ip)) return metadata4.has(parse4(ip))
  const groups = parse6(ip)
  if (groups === undefined) return false
  if (metadata6.has(groups.join(':'))) return true
  const embedded = embedded4(groups)
  return embedded !== undefined && metadata4.has(embedded)
}

function isPrivate4(address: number): boolean {
  return privateRanges4.some(([network, divisor]) => Math.floor(address / divisor) === network)
}

function isPrivate6(groups: readonly number[]): boolean {
  const embedded = embedded4(groups)
  if (embedded !== undefined && isPrivate4(embedded)) return true
  const first = groups[0] ?? 0
  // Invariant: only global unicast (2000::/3, RFC 4291 2.4) and the two live ways to write a public
  // IPv4 address in IPv6 can be public; everything else is not.
  if (first < 0x2000 || first > 0x3fff) return !isMapped(groups) && !isNat64(groups)
  return isSpecial6(first, groups[1] ?? 0)
}

/** Blocks inside 2000::/3 that are not for ordinary hosts. */
function isSpecial6(first: number, second: number): boolean {
  // Teredo (RFC 4380), ORCHID (RFC 7343), benchmarking and the rest of 2001::/23 (RFC 2928).
  if (first === 0x2001 && second < 0x0200) return true
  if (first === 0x2001 && second === 0x0db8) return true // documentation, RFC 3849
  return first === 0x3fff && second < 0x1000 // documentation, RFC 9637
}

/** The IPv4 address that an IPv6 one translates or tunnels to, if it is of such a form. */
function embedded4(groups: readonly number[]): number | undefined {
  if (isMapped(groups) || isNat64(groups)) return join4(groups, 6)
  // IPv4-translated ::ffff:0:0:0/96 (RFC 2765) and IPv4-compatible ::/96 (RFC 4291 2.5.5.1).
  if (startsWith(groups, [0, 0, 0, 0, 0xffff, 0])) return join4(groups, 6)
  if (startsWith(groups, [0, 0, 0, 0, 0, 0])) return join4(groups, 6)
  // 6to4 2002::/16 (RFC 3056).
  if (groups[0] === 0x2002) return join4(groups, 1)
  // ISATAP (RFC 5214): the interface identifier is [02]00:5efe:a.b.c.d.
  if (((groups[4] ?? 0) & 0xfdff) === 0 && groups[5] === 0x5efe) return join4(groups, 6)
  return undefined
}

/** IPv4-mapped ::ffff:0:0/96 (RFC 4291 2.5.5.2). */
function isMapped(groups: readonly number[]): boolean {
  return startsWith(groups, [0, 0, 0, 0, 0, 0xffff])
}

/** NAT64 64:ff9b::/96 (RFC 6052); the local-use 64:ff9b:1::/48 (RFC 8215) is not public. */
function isNat64(groups: readonly number[]): boolean {
  return startsWith(groups, [0x64, 0xff9b, 0, 0, 0, 0])
}

function startsWith(groups: readonly number[], prefix: readonly number[]): boolean {
  return prefix.every((group, index) => groups[index] === group)
}

function join4(groups: readonly number[], at: number): number {
  return (groups[at] ?? 0) * 0x10000 + (groups[at + 1] ?? 0)
}

function parse4(ip: string): number {
  return ip.split('.').reduce((value, octet) => value * 256 + Number(octet), 0)
}

/** Eight 16-bit groups, or `undefined` for what is no plain IPv6 literal. */
function parse6(ip: string): number[] | undefined {
  if (!isIPv6(ip) || ip.includes('%')) return undefined
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(ip)
  const plain = dotted === null ? ip : `${dotted[1]}${hex4(parse4(dotted[2] ?? ''))}`
  const [head = '', tail] = plain.split('::')
  const left = groupsOf(head)
  const right = tail === undefined ? [] : groupsOf(tail)
  return [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right]
}

function hex4(address: number): string {
  return `${Math.floor(address / 0x10000).toString(16)}:${(address % 0x10000).toString(16)}`
}

function groupsOf(part: string): number[] {
  return part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))
}

const privateRanges4: readonly (readonly [number, number])[] = privateBlocks4.map(
  ([network, prefix]) => {
    const divisor = 2 ** (32 - prefix)
    return [Math.floor(parse4(network) / divisor), divisor]
  },
)

const metadata4 = new Set(metadataAddresses.filter((ip) => isIPv4(ip)).map(parse4))
const metadata6 = new Set(metadataAddresses.map((ip) => parse6(ip)?.join(':') ?? ''))

const mappedPrefix = '::ffff:'

/**
 * The key under which an address is limited: IPv4 as it is (also when mapped into IPv6), IPv6 by its
 * /64, since one host holds at least that much.
 */
export function addressKey(address: string): string {
  if (address.startsWith(mappedPrefix) && address.includes('.')) {
    return address.slice(mappedPrefix.length)
  }
  // Addresses come from sockets or were judged before; only IPv6 has a colon.
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('%', 1)[0]?.split('::') ?? []
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length
  const groups = [...left, ...Array.from({ length: Math.max(0, zeros) }, () => '0'), ...right]
  const network = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16))
  return `${network.join(':')}::/64`
}

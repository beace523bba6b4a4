import type { IncomingHttpHeaders } from 'node:http'
import { BlockList, isIP, isIPv6 } from 'node:net'
import { plainAddress } from './peer.ts'
import type { Peer } from './peer.ts'

/**
 * The caller's address: the connection's peer, unless that is a trusted proxy; then the nearest entry of
 * `X-Forwarded-For` that is not one itself. What anybody else writes there is ignored.
 */
export function clientAddress(
  { address: peer }: Peer,
  headers: IncomingHttpHeaders,
  isTrusted: (address: string) => boolean,
): string {
  const said = headers['x-forwarded-for']
  if (said === undefined || !isTrusted(peer)) return peer
  const hops = (typeof said === 'string' ? said : said.join(',')).split(',').reverse()
  let nearest = peer
  for (const hop of hops) {
    const address = plainAddress(hop.trim())
    if (isIP(address) === 0) return nearest
    nearest = address
    if (!isTrusted(address)) return address
  }
  return nearest
}

/** Tells whether an address is in one of the CIDR blocks. No blocks, no trust. */
export function trustedProxies(blocks: readonly string[]): (address: string) => boolean {
  if (blocks.length === 0) return () => false
  const list = new BlockList()
  for (const block of blocks) {
    const [network = '', prefix] = block.split('/')
    const family = isIPv6(network) ? 'ipv6' : 'ipv4'
    list.addSubnet(network, Number(prefix ?? (family === 'ipv6' ? 128 : 32)), family)
  }
  return (address) => list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

import type { IncomingHttpHeaders } from 'node:http'
import { BlockList, isIPv6 } from 'node:net'
import { canonicalAddress } from '../../core/index.ts'
import { forwardedFor } from './forwarded.ts'
import type { Peer } from './peer.ts'

/** The header in which trusted proxies say whom they speak for; the other is ignored. */
export type ForwardedHeader = 'x-forwarded-for' | 'forwarded'

/** Whose word about callers is believed, and where it stands. */
export interface ProxyTrust {
  readonly isTrustedProxy: (address: string) => boolean
  readonly forwardedHeader: ForwardedHeader
}

/**
 * The caller's address: the connection's peer, unless that is a trusted proxy; then the nearest entry of the
 * configured header that is not one itself. What anybody else writes there is ignored.
 */
export function clientAddress(
  { address: peer }: Peer,
  headers: IncomingHttpHeaders,
  { isTrustedProxy, forwardedHeader }: ProxyTrust,
): string {
  const said = headers[forwardedHeader]
  if (said === undefined || !isTrustedProxy(peer)) return peer
  const text = typeof said === 'string' ? said : said.join(',')
  const hops = forwardedHeader === 'forwarded' ? forwardedFor(text) : listedFor(text)
  let nearest = peer
  for (const address of hops) {
    if (address === undefined) return nearest
    nearest = address
    if (!isTrustedProxy(address)) return address
  }
  return nearest
}

/** The addresses of `X-Forwarded-For`, the nearest first; `undefined` for what is none. */
function* listedFor(text: string): Generator<string | undefined> {
  for (const hop of text.split(',').reverse()) yield canonicalAddress(hop.trim())
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

import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import type { Peer } from '../gateway/index.ts'

const introduced = new WeakMap<Duplex, Peer>()

/** Says who is at the other end of a connection that has been through the front. */
export function introduce(socket: Duplex, peer: Peer): void {
  introduced.set(socket, Object.freeze(peer))
}

export function peerOf(socket: Duplex): Peer {
  const known = introduced.get(socket)
  if (known !== undefined) return known
  const { remoteAddress, encrypted } = socket as Socket & { readonly encrypted?: boolean }
  return peerAt(remoteAddress ?? '', encrypted === true)
}

/** Of a connection that nothing was before. */
export function peerAt(address: string, encrypted: boolean): Peer {
  return { address: plainAddress(address), encrypted }
}

/** IPv4 mapped into IPv6 is IPv4. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}

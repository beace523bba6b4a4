import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'

/** What is known of a connection and holds for every request on it; read once per connection. */
export interface Peer {
  /** Who is at the other end of it, before any proxy is believed. IPv4 mapped into IPv6 is IPv4. */
  readonly address: string
  readonly encrypted: boolean
}

export function peerOf(socket: Duplex): Peer {
  const { remoteAddress, encrypted } = socket as Socket & { readonly encrypted?: boolean }
  return { address: plainAddress(remoteAddress ?? ''), encrypted: encrypted === true }
}

/** IPv4 mapped into IPv6 is IPv4. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}

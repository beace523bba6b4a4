import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import type { CertificateFacts, CoveredHosts } from '../../certificate/index.ts'

/** What is known of a connection and holds for every request on it; read once per connection. */
export interface Peer {
  /** Who is at the other end of it, before any proxy is believed. IPv4 mapped into IPv6 is IPv4. */
  readonly address: string
  readonly encrypted: boolean
  /** The hosts that the certificate we showed is for; absent where TLS is not ours. */
  readonly covered?: CoveredHosts
  /** Of the caller's own certificate; absent unless one was shown and holds. */
  readonly certificate?: CertificateFacts | undefined
}

const introduced = new WeakMap<Duplex, Peer>()

/** Says who is at the other end of a connection that has been through the front. */
export function introduce(socket: Duplex, peer: Peer): void {
  introduced.set(socket, Object.freeze(peer))
}

export function peerOf(socket: Duplex): Peer {
  const known = introduced.get(socket)
  if (known !== undefined) return known
  const { remoteAddress, encrypted } = socket as Socket & { readonly encrypted?: boolean }
  return { address: plainAddress(remoteAddress ?? ''), encrypted: encrypted === true }
}

/** IPv4 mapped into IPv6 is IPv4. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}

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

import { constants } from 'node:crypto'
import type { Socket } from 'node:net'
import { createSecureContext, createServer } from 'node:tls'
import type { SecureContext, SecureContextOptions, Server, TLSSocket } from 'node:tls'
import { certificateFacts, CoveredHosts, parseCertificates } from '../../certificate/index.ts'
import type { CertificateFacts } from '../../certificate/index.ts'
import type { Secret } from '../../core/index.ts'

/** What TLS is spoken with. */
export interface TlsSettings {
  /** At least one; the first is for callers that name no host, or one that no certificate is for. */
  readonly certificates: readonly { readonly cert: string; readonly key: Secret }[]
  readonly minVersion: '1.2' | '1.3'
  readonly ciphers: string | undefined
  readonly clientCertificates:
    | { readonly ca: string; readonly mode: 'request' | 'require' }
    | undefined
}

/** What a handshake found out. */
export interface Secured {
  /** The hosts that the certificate we showed is for. */
  readonly covered: CoveredHosts
  /** Of the caller's certificate, if it showed one that holds. */
  readonly certificate: CertificateFacts | undefined
}

export interface TlsOutlets {
  /** Protocols offered to callers, the best first. */
  readonly protocols: readonly string[]
  readonly onSecured: (socket: TLSSocket, secured: Secured) => void
  /** The handshake failed; the connection is gone. */
  readonly onFailed: (code: string) => void
}

const handshakeTimeout = 10_000

/** TLS 1.3, and of TLS 1.2 what has forward secrecy and authenticated encryption (RFC 9325 4.2). */
const usualCiphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

interface Choice {
  readonly covered: CoveredHosts
  readonly context: SecureContext
}

/**
 * Our end of TLS with one set of certificates. Another set is another end, with ticket keys of its own: a
 * session that began under authorities no longer trusted is never continued.
 */
export class TlsEnd {
  readonly #server: Server
  readonly #choices: readonly Choice[]

  constructor(settings: TlsSettings, outlets: TlsOutlets) {
    const all = settings.certificates.map((pair) => contextOptions(settings, pair))
    const [first] = all
    if (first === undefined) throw new TypeError('TLS needs a certificate')
    this.#choices = all.map((options) => ({
      covered: new CoveredHosts(leafOf(String(options.cert))),
      context: createSecureContext(options),
    }))
    this.#server = createServer({
      ...first,
      requestCert: settings.clientCertificates !== undefined,
      rejectUnauthorized: settings.clientCertificates?.mode === 'require',
      ALPNProtocols: [...outlets.protocols],
      handshakeTimeout,
      SNICallback: (name, answer) => answer(null, this.#choose(name).context),
    })
    this.#server.on('secureConnection', (socket) => this.#secured(socket, outlets))
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      socket.destroy()
      outlets.onFailed(error.code ?? 'unknown')
    })
  }

  accept(socket: Socket): void {
    this.#server.emit('connection', socket)
  }

  #secured(socket: TLSSocket, outlets: TlsOutlets): void {
    const { servername } = socket as TLSSocket & { readonly servername?: string | false | null }
    outlets.onSecured(socket, {
      covered: this.#choose(typeof servername === 'string' ? servername : '').covered,
      certificate: verifiedFacts(socket),
    })
  }

  #choose(name: string): Choice {
    const host = name.toLowerCase().replace(/\.$/, '')
    const found = this.#choices.find(({ covered }) => covered.has(host)) ?? this.#choices[0]
    if (found === undefined) throw new TypeError('TLS needs a certificate')
    return found
  }
}

function contextOptions(
  { minVersion, ciphers, clientCertificates }: TlsSettings,
  pair: TlsSettings['certificates'][number],
): SecureContextOptions {
  return {
    cert: pair.cert,
    key: pair.key.reveal(),
    minVersion: `TLSv${minVersion}`,
    ciphers: ciphers ?? usualCiphers,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_CIPHER_SERVER_PREFERENCE,
    ...(clientCertificates === undefined ? {} : { ca: clientCertificates.ca }),
  }
}

/**
 * Invariant: a certificate that was not verified up to a configured authority, or is not valid now, counts
 * as none; a session that is continued may have begun while it was.
 */
function verifiedFacts(socket: TLSSocket): CertificateFacts | undefined {
  if (!socket.authorized) return undefined
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return undefined
  const now = Date.now()
  const isValid =
    now >= certificate.validFromDate.getTime() && now < certificate.validToDate.getTime()
  return isValid ? certificateFacts(certificate) : undefined
}

function leafOf(cert: string): NonNullable<ReturnType<typeof parseCertificates>>[number] {
  const [leaf] = parseCertificates(cert) ?? []
  if (leaf === undefined) throw new TypeError('TLS needs a certificate')
  return leaf
}

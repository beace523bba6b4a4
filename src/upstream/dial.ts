import { connect, isIP } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectSecure, createSecureContext } from 'node:tls'
import type { SecureContext } from 'node:tls'

import { invariant } from '../core/index.ts'
import { SocketReader } from '../sockets/index.ts'
import type { UpstreamFailureKind, UpstreamOptions } from './contract.ts'
import { resolveChecked, systemResolver } from './resolve.ts'
import type { Resolver } from './resolve.ts'

export interface DialTarget {
  /** `url.hostname`. */
  readonly host: string
  readonly port: number
  /** A unix socket instead of host and port. */
  readonly socketPath: string | undefined
  readonly secure:
    | {
        readonly context: SecureContext
        readonly servername: string | undefined
        readonly verifies: boolean
        /** Offered by ALPN (RFC 7301), the best first. */
        readonly protocols: readonly string[]
      }
    | undefined
  readonly allowPrivateAddresses: boolean
  readonly resolve: Resolver
}

export interface DialOutcome {
  /**
   * Connected, and past the TLS handshake. Without a reader the socket is read by its events.
   *
   * @param address - the one of the name's addresses it is; the path of a unix socket.
   */
  connected(socket: Socket, reader: SocketReader | undefined, address: string): void
  failed(kind: UpstreamFailureKind, detail: string): void
}

/** Where an upstream's options lead. @param protocols - offered by ALPN, the best first. */
export function dialTarget(
  options: UpstreamOptions,
  protocols: readonly string[] = ['http/1.1'],
): DialTarget {
  const { url, socketPath } = options
  const secure = url.protocol === 'https:'
  invariant(secure || url.protocol === 'http:', 'an upstream is http: or https:')
  invariant(!secure || socketPath === undefined, 'a unix socket is spoken to without TLS')
  return {
    host: url.hostname,
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    socketPath,
    secure: secure ? secureTarget(url.hostname, options.tls ?? {}, protocols) : undefined,
    allowPrivateAddresses: options.allowPrivateAddresses,
    resolve: options.resolve ?? systemResolver,
  }
}

function secureTarget(
  host: string,
  tls: NonNullable<UpstreamOptions['tls']>,
  protocols: readonly string[],
): NonNullable<DialTarget['secure']> {
  const named = host.startsWith('[') || isIP(host) !== 0 ? undefined : host
  return {
    context: createSecureContext({
      minVersion: tls.minVersion ?? 'TLSv1.2',
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      ...tls.identity,
    }),
    servername: tls.servername ?? named,
    protocols,
    verifies: tls.dangerouslySkipVerification !== true,
  }
}

/**
 * One attempt to connect: look the name up, judge the addresses, try them in order. Answers later,
 * never from inside the constructor, and not at all after `cancel`.
 */
export class Dial {
  readonly #target: DialTarget
  readonly #outcome: DialOutcome
  readonly #asStream: boolean
  #socket: Socket | undefined
  #addresses: readonly string[] = []
  #next = 0
  #over = false

  /** @param asStream - read the socket by its events, as the receiver of a tunnel will. */
  constructor(target: DialTarget, outcome: DialOutcome, asStream: boolean) {
    this.#target = target
    this.#outcome = outcome
    this.#asStream = asStream
    process.nextTick(() => this.#resolve())
  }

  /** How many addresses share the time there is, 1 while unknown. */
  get addressCount(): number {
    return Math.max(1, this.#addresses.length)
  }

  cancel(): void {
    this.#over = true
    this.#socket?.destroy()
  }

  /** Leaves an address that does not answer for the next. @returns false when it was the last. */
  skipAddress(): boolean {
    if (this.#next === 0 || this.#next >= this.#addresses.length) return false
    this.#socket?.destroy()
    this.#tryNext()
    return true
  }

  #resolve(): void {
    if (this.#over) return
    const { socketPath } = this.#target
    if (socketPath !== undefined) {
      this.#addresses = [socketPath]
      this.#tryNext()
      return
    }
    resolveChecked(this.#target.host, this.#target, (verdict) => {
      if (this.#over) return
      if (verdict.kind === 'addresses') {
        this.#addresses = verdict.addresses
        this.#tryNext()
      } else this.#fail(verdict.kind, verdict.detail)
    })
  }

  #tryNext(): void {
    const address = this.#addresses[this.#next] ?? ''
    this.#next += 1
    if (this.#target.secure === undefined) this.#connectPlain(address)
    else this.#connectSecure(address, this.#target.secure)
  }

  #connectPlain(host: string): void {
    const reader = this.#asStream ? undefined : new SocketReader()
    const { port, socketPath } = this.#target
    const options = socketPath === undefined ? { host, port, noDelay: true } : { path: socketPath }
    const socket = connect(reader === undefined ? options : { ...options, onread: reader.options })
    this.#watch(socket, 'connect', { reader, address: host })
  }

  #connectSecure(host: string, secure: NonNullable<DialTarget['secure']>): void {
    const { context, servername, verifies, protocols } = secure
    const socket = connectSecure({
      host,
      port: this.#target.port,
      secureContext: context,
      // Without a name the certificate is checked against the address itself.
      ...(servername === undefined ? {} : { servername }),
      ALPNProtocols: [...protocols],
      // Said in so many words because an environment variable can turn the default around.
      rejectUnauthorized: verifies,
    })
    socket.setNoDelay(true)
    this.#watch(socket, 'secureConnect', { reader: undefined, address: host })
  }

  #watch(
    socket: Socket,
    ready: 'connect' | 'secureConnect',
    { reader, address }: { reader: SocketReader | undefined; address: string },
  ): void {
    this.#socket = socket
    const onError = (error: Error): void => {
      if (this.#over || this.#socket !== socket) return
      if (!this.skipAddress()) this.#fail(failureKind(error, ready), describe(error))
    }
    socket.once(ready, () => {
      if (this.#over || this.#socket !== socket) return
      this.#over = true
      socket.removeListener('error', onError)
      this.#outcome.connected(socket, reader, address)
    })
    socket.on('error', onError)
  }

  #fail(kind: UpstreamFailureKind, detail: string): void {
    this.#over = true
    this.#outcome.failed(kind, detail)
  }
}

const unreachableCodes: ReadonlySet<string> = new Set([
  'ENOENT',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EACCES',
  'EPERM',
  'EMFILE',
  'ENFILE',
])

function failureKind(error: Error, ready: string): UpstreamFailureKind {
  const code = codeOf(error)
  if (code === 'ETIMEDOUT') return 'connect_timeout'
  if (unreachableCodes.has(code)) return 'connect_refused'
  return ready === 'secureConnect' ? 'tls' : 'connect_refused'
}

function describe(error: Error): string {
  const code = codeOf(error)
  return code === '' || error.message.includes(code) ? error.message : `${code}: ${error.message}`
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}

import { connect, isIP } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectSecure, createSecureContext } from 'node:tls'
import type { SecureContext } from 'node:tls'

import { invariant } from '../core/index.ts'
import type { UpstreamFailureKind, UpstreamOptions } from './contract.ts'
import { SocketReader } from './reader.ts'
import { resolveChecked, systemResolver } from './resolve.ts'
import type { Resolver } from './resolve.ts'

export interface DialTarget {
  /** `url.hostname`. */
  readonly host: string
  readonly port: number
  readonly secure:
    | { readonly context: SecureContext; readonly servername: string | undefined }
    | undefined
  readonly allowPrivateAddresses: boolean
  readonly resolve: Resolver
}

export interface DialOutcome {
  /** Connected, and past the TLS handshake. Without a reader the socket is read by its events. */
  connected(socket: Socket, reader: SocketReader | undefined): void
  failed(kind: UpstreamFailureKind, detail: string): void
}

/** Where an upstream's options lead. */
export function dialTarget(options: UpstreamOptions): DialTarget {
  const { url, tls } = options
  const secure = url.protocol === 'https:'
  invariant(secure || url.protocol === 'http:', 'an upstream is http: or https:')
  const { hostname: host } = url
  const named = host.startsWith('[') || isIP(host) !== 0 ? undefined : host
  return {
    host,
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    secure: secure
      ? {
          context: createSecureContext({
            minVersion: 'TLSv1.2',
            ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
          }),
          servername: tls?.servername ?? named,
        }
      : undefined,
    allowPrivateAddresses: options.allowPrivateAddresses,
    resolve: options.resolve ?? systemResolver,
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
    const options = { host, port: this.#target.port, noDelay: true }
    const socket = connect(reader === undefined ? options : { ...options, onread: reader.options })
    this.#watch(socket, 'connect', reader)
  }

  #connectSecure(host: string, secure: NonNullable<DialTarget['secure']>): void {
    const { context, servername } = secure
    const socket = connectSecure({
      host,
      port: this.#target.port,
      secureContext: context,
      // Without a name the certificate is checked against the address itself.
      ...(servername === undefined ? {} : { servername }),
      ALPNProtocols: ['http/1.1'],
      // Said in so many words because an environment variable can turn the default around.
      rejectUnauthorized: true,
    })
    socket.setNoDelay(true)
    this.#watch(socket, 'secureConnect', undefined)
  }

  #watch(socket: Socket, ready: string, reader: SocketReader | undefined): void {
    this.#socket = socket
    const onError = (error: Error): void => {
      if (this.#over || this.#socket !== socket) return
      if (!this.skipAddress()) this.#fail(failureKind(error, ready), describe(error))
    }
    socket.once(ready, () => {
      if (this.#over || this.#socket !== socket) return
      this.#over = true
      socket.removeListener('error', onError)
      this.#outcome.connected(socket, reader)
    })
    socket.on('error', onError)
  }

  #fail(kind: UpstreamFailureKind, detail: string): void {
    this.#over = true
    this.#outcome.failed(kind, detail)
  }
}

const unreachableCodes: ReadonlySet<string> = new Set([
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

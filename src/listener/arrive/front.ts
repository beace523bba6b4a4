import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Millis } from '../../core/index.ts'
import { whenProtocolIsKnown } from '../http2/prior-knowledge.ts'
import { introduce, peerOf } from '../peer.ts'
import type { Peer } from '../../gateway/index.ts'
import { readProxyHeader } from './proxy-protocol.ts'
import { TlsEnd } from './tls-end.ts'
import type { Secured, TlsSettings } from './tls-end.ts'

/** Where connections go on to, with everything about their peer known. */
export interface FrontOutlets {
  readonly http1: (socket: Duplex) => void
  readonly http2: (socket: Duplex) => void
}

export interface FrontSettings {
  /** Who speaks the PROXY protocol. */
  readonly isProxy: (address: string) => boolean
  readonly tls: TlsSettings | undefined
  /** HTTP/2 is spoken without TLS too, by those who begin with it. */
  readonly h2c: boolean
  /** How long a connection without TLS may take to begin with a protocol. */
  readonly patience: Millis
}

/** Why connections were closed before a request was read. */
export interface FrontCounts {
  proxy: number
  tls: number
}

/**
 * Where connections arrive when there is more to them than HTTP: PROXY protocol, then TLS, each where it is
 * configured. A listener with neither has no front.
 */
export class Front {
  readonly refused: FrontCounts = { proxy: 0, tls: 0 }
  readonly #settings: FrontSettings
  readonly #outlets: FrontOutlets
  /** On their way through here. */
  readonly #arriving = new Set<Socket>()
  readonly #handshaking = new Map<string, { readonly socket: Socket; readonly peer: Peer }>()
  #tls: TlsEnd | undefined

  constructor(settings: FrontSettings, outlets: FrontOutlets) {
    this.#settings = settings
    this.#outlets = outlets
    this.renew(settings.tls)
  }

  /** Puts other certificates in force, for connections that arrive from now on. */
  renew(tls: TlsSettings | undefined): void {
    this.#tls =
      tls === undefined
        ? undefined
        : new TlsEnd(tls, {
            protocols: ['h2', 'http/1.1'],
            onSecured: (socket, secured) => this.#secured(socket, secured),
            onFailed: () => {
              this.refused.tls += 1
            },
          })
  }

  /** Closes what has not got as far as a protocol. */
  closeArriving(): void {
    for (const socket of this.#arriving) socket.destroy()
  }

  /**
   * Invariant: a connection without an address goes nowhere: nobody could tell whether a proxy is at its
   * other end. It was reset before it was accepted, but what it said would still be read.
   */
  accept(socket: Socket): void {
    const peer = peerOf(socket)
    if (peer.address === '') {
      socket.destroy()
      return
    }
    this.#arriving.add(socket)
    socket.once('close', () => this.#arriving.delete(socket))
    socket.on('error', () => socket.destroy())
    if (!this.#settings.isProxy(peer.address)) {
      this.#secure(socket, peer)
      return
    }
    readProxyHeader(socket, {
      onRead: (source) => {
        this.#secure(socket, source === undefined ? peer : { ...peer, address: source })
      },
      onRefused: () => {
        this.refused.proxy += 1
      },
    })
  }

  #secure(socket: Socket, peer: Peer): void {
    if (this.#tls === undefined) {
      introduce(socket, peer)
      if (this.#settings.h2c) this.#sort(socket)
      else this.#leave(socket, this.#outlets.http1)
      return
    }
    const key = connectionKey(socket)
    this.#handshaking.set(key, { socket, peer })
    socket.once('close', () => {
      // Its addresses and ports may be another connection's by now.
      if (this.#handshaking.get(key)?.socket === socket) this.#handshaking.delete(key)
    })
    this.#tls.accept(socket)
  }

  #sort(socket: Socket): void {
    whenProtocolIsKnown(socket, this.#settings.patience, (protocol) => {
      this.#leave(socket, protocol === 'h2' ? this.#outlets.http2 : this.#outlets.http1)
    })
    // Reading a PROXY header has paused it.
    socket.resume()
  }

  #leave(socket: Socket, outlet: (socket: Duplex) => void): void {
    this.#arriving.delete(socket)
    outlet(socket)
    // Reading what comes before has paused it.
    socket.resume()
  }

  #secured(socket: TLSSocket, secured: Secured): void {
    const key = connectionKey(socket)
    const arrived = this.#handshaking.get(key)
    if (arrived === undefined) {
      socket.destroy()
      return
    }
    this.#handshaking.delete(key)
    this.#arriving.delete(arrived.socket)
    introduce(socket, { ...arrived.peer, ...secured, encrypted: true })
    if (socket.alpnProtocol === 'h2') this.#outlets.http2(socket)
    else this.#outlets.http1(socket)
  }
}

/** The library's TLS socket does not say which socket it is over; addresses and ports do. */
function connectionKey(socket: Socket): string {
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}

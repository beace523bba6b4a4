import { createServer, ServerResponse } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Refusal } from '../../core/index.ts'
import { problemOf } from '../../http/index.ts'
import { gatewayErrors } from '../errors.ts'
import type { Incoming } from '../incoming.ts'
import { Connections } from './connections.ts'
import { TurnedResponse } from './turned-response.ts'
import { lingerAtEnd } from './linger.ts'
import type { ListenerLimits } from './listener.ts'
import { peerOf } from './peer.ts'
import type { Reception } from './reception.ts'
import { SlowPeers } from './slow-peers.ts'
import { originForm } from './target.ts'

/** How often half-open, slow and idle connections are looked for. */
const sweepEvery = 1000
/** How long a caller has to read the last answer of its connection. */
const lingersFor = 1000

/** What the runtime says when a header is not whole in time. */
const lateHeader = 'ERR_HTTP_REQUEST_TIMEOUT'

/** How long a connection may lie idle, while the server drains, before it is closed. */
const graceful = 300

/** HTTP/1.1 from callers: the runtime's server, its connections, and what they get when they are no HTTP. */
export class Http1Server {
  readonly server: Server
  readonly slowPeers: SlowPeers
  readonly #reception: Reception
  readonly #connections = new Connections()
  /** Connections that end as soon as what is under way on them is answered. */
  readonly #givenUp = new WeakSet<Duplex>()
  #draining = false
  #drainTimer: NodeJS.Timeout | undefined

  constructor(reception: Reception, limits: ListenerLimits) {
    this.#reception = reception
    this.slowPeers = new SlowPeers(limits.requestIdle)
    this.server = this.#createServer(limits)
  }

  begin(): void {
    // What the runtime watches connections with begins to work when its server listens, or hears that.
    if (!this.server.listening) this.server.emit('listening')
    this.slowPeers.start()
  }

  /** From now on each answer ends its connection; the idle ones are closed a moment later. */
  drain(): void {
    this.#draining = true
    const closeAfter = performance.now() + graceful
    this.#drainTimer = setInterval(() => {
      if (performance.now() >= closeAfter) this.server.closeIdleConnections()
    }, 50)
  }

  /** Everybody has gone. */
  stop(): void {
    clearInterval(this.#drainTimer)
    this.slowPeers.stop()
    this.server.close()
  }

  get inFlight(): number {
    return this.#connections.inFlight
  }

  #createServer(limits: ListenerLimits): Server {
    const server = createServer({
      ServerResponse: TurnedResponse,
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.requestHeaderTimeout,
      requestTimeout: 0,
      keepAliveTimeout: limits.keepAlive,
      connectionsCheckingInterval: sweepEvery,
      insecureHTTPParser: false,
      requireHostHeader: false,
      optimizeEmptyRequests: true,
      shouldUpgradeCallback: isWebSocketHandshake,
    })
    server.maxConnections = limits.connections
    // Counted by `checkFraming`: the runtime would drop the lines beyond silently.
    server.maxHeadersCount = 0
    server.on('connection', (socket: Socket) => {
      // Reset before it was accepted: what it said can be read, but nobody can tell any more who did.
      if (peerOf(socket).address === '') {
        socket.destroy()
        return
      }
      this.slowPeers.watch(socket)
      lingerAtEnd(socket, () => this.slowPeers.latest(socket))
      this.#connections.watch(socket)
    })
    server.on('request', (request, response) => this.#accept(request, response, false))
    server.on('checkContinue', (request, response) => this.#accept(request, response, true))
    // Answered by the pipeline, so that it is recorded; the runtime would do it by itself.
    server.on('checkExpectation', (request, response) => this.#accept(request, response, false))
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    server.on('connect', (request, socket) => this.#refuseRaw(socket, notServed(), request))
    server.on('clientError', (error, socket) => this.#malformed(error, socket))
    return server
  }

  #accept(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    this.slowPeers.serving(request.socket, request)
    // The runtime's parser stops at an upgrade, and drops what came with it, also when that is declined.
    if (request.headers.upgrade !== undefined || this.#draining) response.shouldKeepAlive = false
    this.#begin(request, response, { expectsContinue, upgrade: undefined })
  }

  /** A handshake has no response object of its own; with one, refusals are answered like any other. */
  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.#connections.latest(socket) !== undefined) {
      // An answer is still under way, and nothing can be put behind it on this connection any more.
      this.#refuseRaw(socket, gatewayErrors.refuse('malformed', 'an upgrade behind a request'))
      socket.destroy()
      return
    }
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket as Socket)
    response.once('finish', () => closeSoon(socket))
    socket.on('error', () => socket.destroy())
    const take = (): Duplex => {
      response.detachSocket(socket as Socket)
      return socket
    }
    this.#begin(request, response, { expectsContinue: false, upgrade: { head, take } })
  }

  #begin(
    request: IncomingMessage,
    response: ServerResponse,
    { expectsContinue, upgrade }: Pick<Incoming, 'expectsContinue' | 'upgrade'>,
  ): void {
    const { socket, url = '' } = request
    const peer = this.#connections.peer(socket)
    const authority = request.headers.host ?? ''
    if (!url.startsWith('/')) {
      request.url = originForm(url, peer.encrypted ? 'https' : 'http', authority)
    }
    const incoming = this.#reception.arrive({
      request,
      response,
      protocol: 'http/1.1',
      peer,
      authority,
      upgrade,
      expectsContinue,
      flaw: undefined,
    })
    this.#connections.begin(socket, incoming, () => this.#reception.serve(incoming))
  }

  /**
   * The parser gave up. Within a body that is the end of its request; otherwise there is no request to
   * speak of, but there is a decision to record, after the answers that are owed.
   */
  #malformed(error: NodeJS.ErrnoException, socket: Duplex): void {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy()
      return
    }
    if (this.#givenUp.has(socket)) return
    const latest = this.#connections.latest(socket)
    if (latest !== undefined && error.code === lateHeader) {
      this.#timeAgain(error, socket, latest)
      return
    }
    this.#givenUp.add(socket)
    const refusal = refusalOf(error)
    if (latest === undefined) this.#refuseRaw(socket, refusal)
    else if (!latest.request.complete) latest.life.breakOff(refusal)
    else latest.life.onOver(() => socket.writable && this.#refuseRaw(socket, refusal))
  }

  /**
   * A header behind requests that are under way may be late because we do not read on. Its time begins when
   * they are over; the runtime looks at each header once.
   */
  #timeAgain(error: NodeJS.ErrnoException, socket: Duplex, latest: Incoming): void {
    const arrived = this.#connections.arrived(socket)
    latest.life.onOver(() => {
      setTimeout(() => {
        if (this.#connections.arrived(socket) === arrived) this.#malformed(error, socket)
      }, this.server.headersTimeout).unref()
    })
  }

  #refuseRaw(socket: Duplex, refusal: Refusal, request?: IncomingMessage): void {
    socket.on('error', () => socket.destroy())
    void this.#reception
      .refuseBytes(refusal, this.#connections.peer(socket), request?.method)
      .then((requestId) => {
        socket.write(rawAnswer(refusal, requestId))
        closeSoon(socket)
      })
  }
}

function notServed(): Refusal {
  return gatewayErrors.refuse('method_not_supported')
}

/**
 * Only a WebSocket handshake may change protocols (RFC 6455 4.2.1): anything else that asks for an upgrade,
 * h2c above all, is an ordinary request, and so is everything in HTTP/1.0 (RFC 9110 7.8).
 */
function isWebSocketHandshake(request: IncomingMessage): boolean {
  const { headers } = request
  return (
    request.method === 'GET' &&
    request.httpVersion === '1.1' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['sec-websocket-key'] !== undefined &&
    headers['content-length'] === undefined &&
    headers['transfer-encoding'] === undefined
  )
}

function refusalOf({ code }: NodeJS.ErrnoException): Refusal {
  if (code === 'HPE_HEADER_OVERFLOW') return gatewayErrors.refuse('headers_too_large')
  if (code === lateHeader) return gatewayErrors.refuse('request_timeout')
  return gatewayErrors.refuse('malformed', code)
}

/** Lets what was written leave, and does not wait for the other side to close as well. */
function closeSoon(socket: Duplex): void {
  socket.end()
  setTimeout(() => socket.destroy(), lingersFor).unref()
}

function rawAnswer(refusal: Refusal, requestId: string): string {
  const body = JSON.stringify(problemOf(refusal, requestId))
  return [
    `HTTP/1.1 ${refusal.status} ${reasonPhrase(refusal.status)}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n')
}

function reasonPhrase(status: number): string {
  if (status === 405) return 'Method Not Allowed'
  if (status === 408) return 'Request Timeout'
  return status === 431 ? 'Request Header Fields Too Large' : 'Bad Request'
}

import { randomUUID } from 'node:crypto'
import { createServer, ServerResponse } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { isRefusal, ProofgateError } from '../../core/index.ts'
import type { Clock, Millis, Refusal } from '../../core/index.ts'
import { problemOf, sendProblem } from '../../http/index.ts'
import { canonicalAuthority } from './authority.ts'
import { clientAddress } from './client-address.ts'
import { Connections } from './connections.ts'
import { gatewayErrors } from '../errors.ts'
import type { GatewayParts } from '../gateway.ts'
import type { Incoming } from '../incoming.ts'
import { runPipeline } from '../pipeline.ts'
import { Life } from './life.ts'
import { checkFraming } from './screen.ts'
import { SlowPeers } from './slow-peers.ts'
import { parseTarget } from './target.ts'
import { Tunnels } from '../forward/tunnel.ts'

export interface ListenerLimits {
  readonly headerBytes: number
  readonly headerCount: number
  readonly connections: number
  readonly requestHeaderTimeout: Millis
  readonly requestIdle: Millis
  readonly keepAlive: Millis
}

/** One of our own surfaces on the public listener: sign-in and issuer, console. */
export interface Surface {
  serve(
    request: IncomingMessage,
    response: ServerResponse,
    origin: { requestId: string; address: string },
  ): Promise<void>
}

/** Finds the surface of ours that a host and canonical path belong to; `undefined` = an API's or nobody's. */
export type FindSurface = (authority: string, path: string) => Surface | undefined

/** How often half-open, slow and idle connections are looked for. */
const sweepEvery = 1000
/** How long a caller has to read the last answer of its connection. */
const lingersFor = 1000

/** The public listener: where callers and browsers arrive. */
export class PublicListener {
  readonly #server: Server
  readonly #parts: GatewayParts
  readonly #limits: ListenerLimits
  readonly #findSurface: FindSurface
  readonly #tunnels = new Tunnels()
  readonly #slowPeers: SlowPeers
  readonly #clock: Clock
  readonly #connections = new Connections()
  /** Connections that end as soon as what is under way on them is answered. */
  readonly #givenUp = new WeakSet<Duplex>()

  constructor(options: { parts: GatewayParts; limits: ListenerLimits; findSurface: FindSurface }) {
    this.#parts = options.parts
    this.#clock = options.parts.clock
    this.#limits = options.limits
    this.#findSurface = options.findSurface
    this.#slowPeers = new SlowPeers(options.limits.requestIdle)
    this.#server = this.#createServer(options.limits)
  }

  get inFlight(): number {
    return this.#connections.inFlight
  }

  get tunnels(): number {
    return this.#tunnels.size
  }

  /** Resolves with the port that was bound. */
  async listen(address: string, port: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE'
      reject(
        new ProofgateError('gateway.cannot_listen', `cannot listen on ${address}:${port}`, {
          cause,
          hint: taken
            ? 'Another process has this port. Stop it, or choose another with `--port`.'
            : 'Check the address and the permission to bind it.',
        }),
      )
    })
    this.#server.listen(port, address, resolve)
    await promise
    this.#slowPeers.start()
    return (this.#server.address() as AddressInfo).port
  }

  /**
   * Takes no new connections, lets requests end, and at the deadline closes what is left (event streams and
   * tunnels among it).
   */
  async drain(deadline: Millis): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    const sweep = setInterval(() => this.#server.closeIdleConnections(), 50)
    const end = setTimeout(() => {
      this.#tunnels.closeAll()
      this.#server.closeAllConnections()
    }, deadline)
    this.#server.closeIdleConnections()
    await closed
    clearInterval(sweep)
    clearTimeout(end)
    this.#slowPeers.stop()
  }

  #createServer(limits: ListenerLimits): Server {
    const server = createServer({
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
      this.#slowPeers.watch(socket)
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
    this.#slowPeers.serving(request.socket, request)
    this.#run(this.#incomingOf(request, response, { expectsContinue, upgrade: undefined }))
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
    this.#run(this.#incomingOf(request, response, { expectsContinue: false, upgrade: { head } }))
  }

  #run(incoming: Incoming): void {
    this.#connections.begin(incoming, () => this.#serve(incoming))
  }

  #serve(incoming: Incoming): void {
    const surface = this.#surfaceFor(incoming)
    if (surface !== undefined && incoming.upgrade === undefined) {
      if (incoming.expectsContinue) incoming.response.writeContinue()
      const { request, response, requestId, address } = incoming
      incoming.life.onBroken((refusal) => cutOff(incoming, refusal))
      surface.serve(request, response, { requestId, address }).catch((error: unknown) => {
        this.#parts.onError(error, requestId)
        sendProblem(response, gatewayErrors.refuse('internal'), requestId)
      })
      return
    }
    runPipeline(incoming, this.#parts, this.#tunnels).catch((error: unknown) => {
      this.#parts.onError(error, incoming.requestId)
      sendProblem(incoming.response, gatewayErrors.refuse('internal'), incoming.requestId)
    })
  }

  /** What is malformed or ambiguous is left to the pipeline, which refuses and records it. */
  #surfaceFor(incoming: Incoming): Surface | undefined {
    const host = incoming.request.headers.host ?? ''
    const known = this.#findSurface(host, incoming.request.url ?? '')
    const authority = known === undefined ? canonicalAuthority(host, 'http') : host
    if (authority === undefined) return undefined
    const surface = known ?? this.#findSurface(authority, incoming.request.url ?? '')
    if (surface === undefined) return undefined
    const target = parseTarget(incoming.request.url ?? '')
    if (isRefusal(target) || checkFraming(incoming.request, this.#limits) !== undefined) {
      return undefined
    }
    incoming.request.url = target.query === '' ? target.path : `${target.path}?${target.query}`
    return surface
  }

  #incomingOf(
    request: IncomingMessage,
    response: ServerResponse,
    more: Pick<Incoming, 'expectsContinue' | 'upgrade'>,
  ): Incoming {
    return {
      request,
      response,
      requestId: randomUUID(),
      receivedAt: this.#clock.now(),
      address: clientAddress(request, this.#parts.table().isTrustedProxy),
      method: request.method ?? '',
      life: new Life(),
      ...more,
    }
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
    this.#givenUp.add(socket)
    const refusal = refusalOf(error)
    const latest = this.#connections.latest(socket)
    if (latest === undefined) this.#refuseRaw(socket, refusal)
    else if (!latest.request.complete) latest.life.breakOff(refusal)
    else latest.life.onOver(() => this.#refuseRaw(socket, refusal))
  }

  #refuseRaw(socket: Duplex, refusal: Refusal, request?: IncomingMessage): void {
    const requestId = randomUUID()
    const address = (socket as Socket).remoteAddress ?? ''
    socket.on('error', () => socket.destroy())
    this.#parts
      .record({
        id: requestId,
        kind: 'decision',
        action: 'request',
        outcome: 'deny',
        reason: refusal.code,
        ...(refusal.detail === undefined ? {} : { detail: refusal.detail }),
        where: { address },
        what: {
          configuration: this.#parts.table().version,
          ...(request?.method === undefined ? {} : { method: request.method }),
        },
      })
      .catch((cause: unknown) => this.#parts.onError(cause, requestId))
      .finally(() => {
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
 * h2c above all, is an ordinary request.
 */
function isWebSocketHandshake(request: IncomingMessage): boolean {
  const { headers } = request
  return (
    request.method === 'GET' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['sec-websocket-key'] !== undefined &&
    headers['content-length'] === undefined &&
    headers['transfer-encoding'] === undefined
  )
}

function refusalOf({ code }: NodeJS.ErrnoException): Refusal {
  if (code === 'HPE_HEADER_OVERFLOW') return gatewayErrors.refuse('headers_too_large')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return gatewayErrors.refuse('request_timeout')
  return gatewayErrors.refuse('malformed', code)
}

/** Ends a request to a surface of ours whose bytes stopped being HTTP. */
function cutOff({ response, requestId }: Incoming, refusal: Refusal): void {
  if (response.headersSent) response.destroy()
  response.shouldKeepAlive = false
  sendProblem(response, refusal, requestId)
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

import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'

import { millis } from '../../src/core/index.ts'
import { Upstream } from '../../src/upstream/index.ts'
import type {
  Exchange,
  OutgoingRequest,
  ResponseHead,
  ResponseSink,
  UpstreamFailure,
  UpstreamOptions,
  UpstreamPool,
} from '../../src/upstream/index.ts'

export interface RawServer {
  readonly port: number
  /** Every socket accepted, in order. */
  readonly sockets: Socket[]
  /** What each of them received so far. */
  readonly received: string[]
}

/** A server that says whatever the test wants; `answer` runs on each read. */
export async function rawServer(
  t: TestContext,
  answer: (socket: Socket, received: string, connection: number) => void,
): Promise<RawServer> {
  const sockets: Socket[] = []
  const received: string[] = []
  const server = createServer({ noDelay: true }, (socket) => {
    const connection = sockets.push(socket) - 1
    received.push('')
    socket.on('data', (chunk) => {
      received[connection] += chunk.toString('latin1')
      answer(socket, received[connection] ?? '', connection)
    })
    socket.on('error', () => socket.destroy())
  })
  const port = await listen(server)
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port, sockets, received }
}

export async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

export function upstreamTo(
  t: TestContext,
  port: number,
  changes: Partial<UpstreamOptions> = {},
): Upstream {
  const upstream = new Upstream({
    name: 'test',
    url: new URL(`http://127.0.0.1:${port}`),
    allowPrivateAddresses: true,
    connectTimeout: millis(20_000),
    headersTimeout: millis(20_000),
    idleTimeout: millis(20_000),
    maxConnections: 4,
    keepAliveTimeout: millis(60_000),
    maxHeaderBytes: 16_384,
    ...changes,
  })
  t.after(() => upstream.close(millis(0)))
  return upstream
}

/** Everything one sink heard, in order. */
export class Recorder implements ResponseSink {
  readonly events: string[] = []
  readonly informational: number[] = []
  head: ResponseHead | undefined
  chunks: Buffer[] = []
  trailers: readonly string[] | undefined
  failure: UpstreamFailure | undefined
  accept: (chunk: Buffer) => boolean = () => true
  readonly settled: Promise<void>
  #settle: () => void

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.settled = promise
    this.#settle = resolve
  }

  get body(): string {
    return Buffer.concat(this.chunks).toString('latin1')
  }

  onInformational(status: number): void {
    this.informational.push(status)
    this.events.push(`informational ${status}`)
  }

  onHead(head: ResponseHead): void {
    this.head = head
    this.events.push('head')
  }

  onData(chunk: Buffer): boolean {
    this.chunks.push(chunk)
    return this.accept(chunk)
  }

  onEnd(trailers: readonly string[]): void {
    this.trailers = trailers
    this.events.push('end')
    this.#settle()
  }

  onFailure(failure: UpstreamFailure): void {
    this.failure = failure
    this.events.push(`failure ${failure.kind}`)
    this.#settle()
  }
}

export function get(target = '/', changes: Partial<OutgoingRequest> = {}): OutgoingRequest {
  return { method: 'GET', target, headers: ['host', 'a'], framing: { kind: 'none' }, ...changes }
}

/** Sends a request and waits for its end, whichever. */
export async function fetchOver(
  upstream: UpstreamPool,
  request: OutgoingRequest,
): Promise<Recorder> {
  const recorder = new Recorder()
  upstream.request(request, recorder)
  await recorder.settled
  return recorder
}

export function start(
  upstream: UpstreamPool,
  request: OutgoingRequest,
): { recorder: Recorder; exchange: Exchange } {
  const recorder = new Recorder()
  return { recorder, exchange: upstream.request(request, recorder) }
}

export function ok(body: string, headers = ''): string {
  return `HTTP/1.1 200 OK\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`
}

/** Waits until a condition holds, also where timers and clocks are mocked; for a minute at the most. */
export async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries === 30_000) throw new Error('it did not happen in time')
    await delay(2)
  }
}

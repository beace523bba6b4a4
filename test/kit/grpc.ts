import { once } from 'node:events'
import { connect, createServer } from 'node:http2'
import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  Http2Server,
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'

/** gRPC over HTTP/2 with messages as bytes: length-prefixed messages, status in trailers, deadlines. */

/** One message with its five-byte prefix: not compressed, and its length. */
export function prefixed(message: Buffer | string): Buffer {
  const bytes = Buffer.from(message)
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([prefix, bytes])
}

/** Puts messages together from pieces however they were cut. */
export class MessageReader {
  #pieces: Buffer[] = []
  #size = 0
  #wanted = 5

  read(piece: Buffer): Buffer[] {
    this.#pieces.push(piece)
    this.#size += piece.length
    const messages: Buffer[] = []
    while (this.#size >= this.#wanted) {
      const bytes = Buffer.concat(this.#pieces)
      const end = 5 + bytes.readUInt32BE(1)
      const isWhole = bytes.length >= end
      if (isWhole) messages.push(bytes.subarray(5, end))
      this.#pieces = [isWhole ? bytes.subarray(end) : bytes]
      this.#size = isWhole ? bytes.length - end : bytes.length
      this.#wanted = isWhole ? 5 : end
    }
    return messages
  }

  /** Nothing is left half-way. */
  get isClean(): boolean {
    return this.#size === 0
  }
}

/** A call as the service sees it. */
export class ServiceCall {
  readonly metadata: IncomingHttpHeaders
  readonly stream: ServerHttp2Stream
  readonly received: string[] = []
  /** The caller has said everything. */
  readonly whole: Promise<void>
  cancelled = false
  onMessage: (message: Buffer) => void = () => undefined

  constructor(stream: ServerHttp2Stream, metadata: IncomingHttpHeaders) {
    this.stream = stream
    this.metadata = metadata
    const { promise, resolve } = Promise.withResolvers<void>()
    this.whole = promise
    const reader = new MessageReader()
    stream.on('error', () => undefined)
    stream.on('aborted', () => {
      this.cancelled = true
    })
    stream.on('data', (piece: Buffer) => {
      for (const message of reader.read(piece)) {
        this.received.push(message.toString('latin1', 0, 100))
        this.onMessage(message)
      }
    })
    stream.on('end', () => {
      if (!stream.aborted) resolve()
    })
  }

  /** @returns `false` when the caller does not keep up. */
  send(message: Buffer | string): boolean {
    this.#begin()
    return this.stream.write(prefixed(message))
  }

  finish(status: number, message = ''): void {
    this.#begin()
    this.stream.once('wantTrailers', () =>
      this.stream.sendTrailers({ 'grpc-status': String(status), 'grpc-message': message }),
    )
    this.stream.end()
  }

  /** A status and nothing else: one header section that ends the stream. */
  refuse(status: number, message: string): void {
    this.stream.respond(
      {
        'content-type': 'application/grpc',
        'grpc-status': String(status),
        'grpc-message': message,
      },
      { endStream: true },
    )
  }

  #begin(): void {
    if (this.stream.headersSent) return
    this.stream.respond({ 'content-type': 'application/grpc+proto' }, { waitForTrailers: true })
  }
}

/** A gRPC service on a free port; `serve` gets each call. */
export class GrpcService {
  readonly calls: ServiceCall[] = []
  readonly sessions = new Set<ServerHttp2Session>()
  serve: (call: ServiceCall, method: string) => void = (call) => call.refuse(12, 'no method')
  readonly #server: Http2Server = createServer()

  constructor() {
    this.#server.on('session', (session) => {
      this.sessions.add(session)
      session.on('error', () => undefined)
      session.on('close', () => this.sessions.delete(session))
    })
    this.#server.on('stream', (stream: ServerHttp2Stream, metadata: IncomingHttpHeaders) => {
      const call = new ServiceCall(stream, metadata)
      this.calls.push(call)
      this.serve(call, metadata[':path'] ?? '')
    })
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#server.unref()
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    for (const session of this.sessions) session.destroy()
    this.#server.close()
  }
}

/** How a call ended for its caller. */
export interface Outcome {
  readonly status: number
  readonly message: string
  /** From the header section or, when it came alone, the only section there is. */
  readonly headers: IncomingHttpHeaders
  readonly trailersOnly: boolean
  readonly messages: readonly string[]
}

/** A call as its caller sees it. */
export class ClientCall {
  readonly stream: ClientHttp2Stream
  readonly messages: string[] = []
  readonly outcome: Promise<Outcome>
  bytes = 0
  onMessage: (message: Buffer) => void = () => undefined

  constructor(stream: ClientHttp2Stream) {
    this.stream = stream
    const reader = new MessageReader()
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    this.outcome = promise
    let headers: IncomingHttpHeaders = {}
    let last: IncomingHttpHeaders = {}
    let trailersOnly = false
    stream.on('error', () => undefined)
    stream.on('response', (section, flags) => {
      headers = section
      trailersOnly = (flags & 1) !== 0
      if (trailersOnly) last = section
    })
    stream.on('trailers', (section) => {
      last = section
    })
    stream.on('data', (piece: Buffer) => {
      this.bytes += piece.length
      for (const message of reader.read(piece)) {
        this.messages.push(message.toString('latin1', 0, 100))
        this.onMessage(message)
      }
    })
    stream.on('close', () => {
      // As gRPC libraries do: a call that ends without a status was lost (14), or cancelled (1).
      const lost = stream.rstCode === 8 ? '1' : '14'
      resolve({
        status: Number(reader.isClean ? (last['grpc-status'] ?? lost) : lost),
        message: decodeURIComponent(String(last['grpc-message'] ?? '')),
        headers,
        trailersOnly,
        messages: this.messages,
      })
    })
  }

  send(message: Buffer | string): boolean {
    return this.stream.write(prefixed(message))
  }

  end(): void {
    this.stream.end()
  }

  cancel(): void {
    this.stream.close(8)
  }
}

/** A channel to a gateway that speaks HTTP/2 by prior knowledge. */
export class GrpcClient {
  #session: ClientHttp2Session | undefined
  readonly #port: number
  readonly #authority: string
  readonly #metadata: Readonly<Record<string, string>>

  constructor(port: number, authority: string, metadata: Readonly<Record<string, string>> = {}) {
    this.#port = port
    this.#authority = authority
    this.#metadata = metadata
  }

  call(method: string, metadata: Readonly<Record<string, string>> = {}): ClientCall {
    return new ClientCall(
      this.#open().request({
        ':method': 'POST',
        ':scheme': 'http',
        ':authority': this.#authority,
        ':path': method,
        'content-type': 'application/grpc+proto',
        te: 'trailers',
        'user-agent': 'grpc-test',
        ...this.#metadata,
        ...metadata,
      }),
    )
  }

  /** One message there, and whatever comes back. */
  async unary(
    method: string,
    message: Buffer | string,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<Outcome> {
    const call = this.call(method, metadata)
    call.send(message)
    call.end()
    return call.outcome
  }

  close(): void {
    this.#session?.destroy()
  }

  /** A gateway lets connections go that nothing is asked on. */
  #open(): ClientHttp2Session {
    if (this.#session === undefined || this.#session.closed || this.#session.destroyed) {
      this.#session = connect(`http://127.0.0.1:${this.#port}`)
      this.#session.on('error', () => undefined)
    }
    return this.#session
  }
}

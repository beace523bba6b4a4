import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { ServerConnection } from '../../src/http2/index.ts'
import type { FieldList, ServerEvents, Stream, StreamUser } from '../../src/http2/index.ts'
import { RawHttp2 } from '../kit/h2-frames.ts'

/** What a server does with a stream that became a request. */
export type Serve = (stream: Stream, fields: readonly string[]) => void

/** Keeps the body of a request, and says when it is whole. */
export class Reader implements StreamUser {
  readonly stream: Stream
  readonly pieces: Buffer[] = []
  readonly whole: Promise<string>
  readonly closed: Promise<void>
  drains = 0
  #onWhole: (text: string) => void = () => undefined
  #onClosed: () => void = () => undefined

  constructor(stream: Stream) {
    this.stream = stream
    this.whole = new Promise((resolve) => {
      this.#onWhole = resolve
    })
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve
    })
    stream.user = this
  }

  onData(piece: Buffer): void {
    this.pieces.push(piece)
  }

  onEnd(): void {
    this.#onWhole(Buffer.concat(this.pieces).toString('latin1'))
  }

  onDrain(): void {
    this.drains += 1
  }

  onClose(): void {
    this.#onClosed()
  }
}

export interface Served {
  readonly port: number
  /** The connections so far, oldest first. */
  readonly connections: readonly ServerConnection[]
  readonly sockets: readonly Socket[]
  /** Why streams were reset before they were requests, and connections ended. */
  readonly rejected: readonly string[]
  readonly failed: readonly string[]
}

/** A server of nothing but `ServerConnection`; ends with its test. */
export async function serve(t: TestContext, answer: Serve): Promise<Served> {
  const connections: ServerConnection[] = []
  const sockets: Socket[] = []
  const rejected: string[] = []
  const failed: string[] = []
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const fieldsOf = new Map<Stream, FieldList>()
    const events: ServerEvents = {
      onFields: (stream, list) => {
        fieldsOf.set(stream, list)
        const length = list.fields.indexOf('content-length')
        if (length >= 0) stream.declared = Number(list.fields[length + 1])
        return list.fields.includes('x-malformed') ? 'on purpose' : undefined
      },
      onRequest: (stream) => answer(stream, fieldsOf.get(stream)?.fields ?? []),
      onRejected: (detail) => rejected.push(detail),
      onFailed: (detail) => failed.push(detail),
      onClosed: () => undefined,
    }
    sockets.push(socket)
    connections.push(new ServerConnection(socket, { headerBytes: 16_384, streams: 100 }, events))
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, connections, sockets, rejected, failed }
}

/** Answers `text` at once, whatever else comes. */
export function answering(text = 'ok'): Serve {
  return (stream) => {
    stream.begin([':status', '200'])
    stream.write(text)
    stream.end()
  }
}

/** Opens a connection that ends with its test. */
export async function open(t: TestContext, port: number): Promise<RawHttp2> {
  const connection = await RawHttp2.open(port)
  t.after(() => connection.close())
  return connection
}

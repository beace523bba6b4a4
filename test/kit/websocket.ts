import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

/** One frame as it came over the wire, unmasked. */
export interface Frame {
  readonly final: boolean
  readonly opcode: number
  readonly payload: Buffer
  readonly masked: boolean
}

export interface FrameOptions {
  readonly opcode?: number
  readonly final?: boolean
  readonly masked?: boolean
}

/** Encodes one frame (RFC 6455 5.2); text, final and masked unless told otherwise. */
export function encodeFrame(payload: Buffer | string, options: FrameOptions = {}): Buffer {
  const { opcode = 1, final = true, masked = true } = options
  const body = Buffer.from(payload)
  const mask = masked ? 0x80 : 0
  const head =
    body.length < 126
      ? Buffer.from([0, mask | body.length])
      : body.length < 65_536
        ? Buffer.from([0, mask | 126, body.length >> 8, body.length & 0xff])
        : Buffer.concat([Buffer.from([0, mask | 127, 0, 0, 0, 0]), uint32(body.length)])
  head[0] = (final ? 0x80 : 0) | opcode
  if (!masked) return Buffer.concat([head, body])
  const key = randomBytes(4)
  return Buffer.concat([head, key, body.map((byte, at) => byte ^ (key[at % 4] ?? 0))])
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** Takes whole frames off the front; answers them and what is left. */
export function decodeFrames(bytes: Buffer): { frames: Frame[]; rest: Buffer } {
  const frames: Frame[] = []
  let rest = bytes
  for (;;) {
    const found = decodeFrame(rest)
    if (found === undefined) return { frames, rest }
    frames.push(found.frame)
    rest = rest.subarray(found.size)
  }
}

function decodeFrame(bytes: Buffer): { frame: Frame; size: number } | undefined {
  if (bytes.length < 2) return undefined
  const [first = 0, second = 0] = bytes
  const short = second & 0x7f
  const extended = short === 127 ? 8 : short === 126 ? 2 : 0
  const masked = second >= 0x80
  const start = 2 + extended + (masked ? 4 : 0)
  if (bytes.length < start) return undefined
  const length =
    short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short
  if (bytes.length < start + length) return undefined
  const key = bytes.subarray(start - 4, start)
  const raw = bytes.subarray(start, start + length)
  const payload = masked ? raw.map((byte, at) => byte ^ (key[at % 4] ?? 0)) : raw
  const frame = {
    final: first >= 0x80,
    opcode: first & 0x0f,
    payload: Buffer.from(payload),
    masked,
  }
  return { frame, size: start + length }
}

/** What became of a connection. */
export interface Closing {
  /** Of the close frame, when there was one. */
  readonly code: number | undefined
  readonly reason: string
  /** Bytes behind the last whole frame. */
  readonly rest: Buffer
  readonly at: number
}

/** A WebSocket caller that can put every byte wrong. */
export class WebSocketCaller {
  readonly socket: Socket
  /** What came before the frames. */
  readonly head: string
  readonly frames: Frame[] = []
  readonly closed: Promise<Closing>
  #rest: Buffer = Buffer.alloc(0)
  #waiting: (() => void)[] = []

  private constructor(socket: Socket, head: string, rest: Buffer) {
    this.socket = socket
    this.head = head
    const { promise, resolve } = Promise.withResolvers<Closing>()
    this.closed = promise
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.once('end', () => socket.end())
    socket.once('close', () => resolve(this.#closing()))
    this.#take(rest)
  }

  /** Resolves with the answer's head when it is no 101. */
  static open(
    port: number,
    path: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<WebSocketCaller | string> {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => socket.destroy())
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write(
      `GET ${path} HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n${lines.join('')}\r\n`,
    )
    return new Promise((resolve) => {
      let bytes = Buffer.alloc(0)
      const take = (chunk: Buffer): void => {
        bytes = Buffer.concat([bytes, chunk])
        const end = bytes.indexOf('\r\n\r\n')
        if (end === -1) return
        socket.off('data', take)
        const head = bytes.subarray(0, end).toString('latin1')
        if (head.startsWith('HTTP/1.1 101 ')) {
          resolve(new WebSocketCaller(socket, head, bytes.subarray(end + 4)))
        } else {
          socket.destroy()
          resolve(head)
        }
      }
      socket.on('data', take)
      socket.once('close', () => resolve(bytes.toString('latin1')))
    })
  }

  send(payload: Buffer | string, options: FrameOptions = {}): boolean {
    return this.socket.write(encodeFrame(payload, options))
  }

  /** Bytes behind the last whole frame. */
  get pending(): number {
    return this.#rest.length
  }

  /** Resolves when so many frames have come. */
  async received(count: number): Promise<void> {
    while (this.frames.length < count && !this.socket.destroyed) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  #take(chunk: Buffer): void {
    const { frames, rest } = decodeFrames(Buffer.concat([this.#rest, chunk]))
    this.#rest = rest
    this.frames.push(...frames)
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #closing(): Closing {
    for (const resolve of this.#waiting.splice(0)) resolve()
    const close = this.frames.find(({ opcode }) => opcode === 8)?.payload
    const code = close === undefined || close.length < 2 ? undefined : close.readUInt16BE(0)
    return {
      code,
      reason: close?.subarray(2).toString() ?? '',
      rest: this.#rest,
      at: performance.now(),
    }
  }
}

/** A WebSocket service, with the same bare hands: `serve` gets each connection after its 101. */
export class WebSocketService {
  readonly sockets: Socket[] = []
  readonly handshakes: IncomingMessage[] = []
  /** Frames of each connection. */
  readonly frames: Frame[][] = []
  serve: (socket: Socket, index: number) => void = () => undefined
  /** More lines of the 101. */
  more = ''
  /** Answers what is no handshake when it returns true. */
  answer: (request: IncomingMessage, response: ServerResponse) => boolean = () => false
  readonly #server = createServer((request, response) => {
    if (this.answer(request, response)) return
    response.setHeader('content-type', 'text/plain')
    response.end(request.url)
  })

  async listen(): Promise<number> {
    this.#server.on('upgrade', (request, socket) => this.#accept(request, socket as Socket))
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve)
    })
    this.#server.unref()
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy()
    this.#server.closeAllConnections()
    this.#server.close()
  }

  /** Answers every text frame with one of the same content. */
  echo(): void {
    this.serve = (socket, index) => {
      let echoed = 0
      socket.on('data', () => {
        const frames = this.frames[index]?.slice(echoed) ?? []
        echoed += frames.length
        for (const { opcode, payload } of frames) {
          if (opcode === 1) socket.write(encodeFrame(payload, { masked: false }))
        }
      })
    }
  }

  #accept(request: IncomingMessage, socket: Socket): void {
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64')
    const index = this.sockets.push(socket) - 1
    const frames: Frame[] = []
    this.frames.push(frames)
    this.handshakes.push(request)
    socket.on('error', () => socket.destroy())
    socket.once('end', () => socket.end())
    let rest: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      const decoded = decodeFrames(Buffer.concat([rest, chunk]))
      rest = decoded.rest
      frames.push(...decoded.frames)
    })
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Accept: ${accept}\r\n${this.more}\r\n`,
    )
    this.serve(socket, index)
  }
}

import { connect } from 'node:net'
import type { Socket } from 'node:net'

/** HTTP/2 as bytes (RFC 9113, RFC 7541), for requests that no client library would send. */
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const errorCodes = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  enhanceYourCalm: 11,
} as const

const endStream = 0x1
const endHeaders = 0x4
const ack = 0x1

export type Fields = readonly (readonly [string, string])[]

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** Prefix integers (RFC 7541 5.1). */
function integer(value: number, bits: number, first: number): Buffer {
  const most = 2 ** bits - 1
  if (value < most) return Buffer.from([first | value])
  const bytes = [first | most]
  let rest = value - most
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  bytes.push(rest)
  return Buffer.from(bytes)
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  return Buffer.concat([integer(bytes.length, 7, 0), bytes])
}

/** A literal without Huffman coding; with `indexed` it goes into the dynamic table. */
export function literal(name: string, value: string, indexed = false): Buffer {
  return Buffer.concat([Buffer.from([indexed ? 0x40 : 0]), text(name), text(value)])
}

/** A field from the static (1 to 61) or dynamic (62 and on) table. */
export function fromTable(index: number): Buffer {
  return integer(index, 7, 0x80)
}

export function block(fields: Fields): Buffer {
  return Buffer.concat(fields.map(([name, value]) => literal(name, value)))
}

export function headers(
  stream: number,
  fields: Fields | Buffer,
  options: { readonly end?: boolean; readonly endHeaders?: boolean } = {},
): Buffer {
  const { end = true, endHeaders: whole = true } = options
  const payload = Buffer.isBuffer(fields) ? fields : block(fields)
  return frame(
    frameTypes.headers,
    (end ? endStream : 0) | (whole ? endHeaders : 0),
    stream,
    payload,
  )
}

export function continuation(stream: number, payload: Buffer, whole: boolean): Buffer {
  return frame(frameTypes.continuation, whole ? endHeaders : 0, stream, payload)
}

export function data(stream: number, payload: string | Buffer, end = false): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload
  return frame(frameTypes.data, end ? endStream : 0, stream, bytes)
}

export function rstStream(stream: number, code: number): Buffer {
  return frame(frameTypes.rstStream, 0, stream, word(code))
}

export function windowUpdate(stream: number, increment: number): Buffer {
  return frame(frameTypes.windowUpdate, 0, stream, word(increment))
}

export function ping(acknowledges = false): Buffer {
  return frame(frameTypes.ping, acknowledges ? ack : 0, 0, Buffer.alloc(8))
}

export function settings(values: Readonly<Record<number, number>> = {}): Buffer {
  const entries = Object.entries(values).map(([id, value]) => {
    const entry = Buffer.alloc(6)
    entry.writeUInt16BE(Number(id), 0)
    entry.writeUInt32BE(value, 2)
    return entry
  })
  return frame(frameTypes.settings, 0, 0, Buffer.concat(entries))
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

/** A connection that speaks frames and keeps everything that came back. */
export class RawHttp2 {
  readonly frames: Frame[] = []
  readonly socket: Socket
  closed = false
  #rest = Buffer.alloc(0)
  #waiting: (() => void)[] = []

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('close', () => {
      this.closed = true
      this.#wake()
    })
  }

  /** Connects, says the preface and, unless told not to, takes the other side's settings. */
  static async open(
    port: number,
    options: { readonly acknowledges?: boolean } = {},
  ): Promise<RawHttp2> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    const raw = new RawHttp2(socket)
    raw.send(preface, settings({ 1: 0 }))
    await raw.until((one) => one.type === frameTypes.settings && (one.flags & ack) === 0)
    if (options.acknowledges !== false) raw.send(frame(frameTypes.settings, ack, 0))
    return raw
  }

  send(...bytes: readonly Buffer[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(bytes))
  }

  close(): void {
    this.socket.destroy()
  }

  /** The first frame that fits, now or later; `undefined` when the connection closes or goes quiet first. */
  async until(fits: (frame: Frame) => boolean, patience = 20_000): Promise<Frame | undefined> {
    const deadline = Date.now() + patience
    for (let at = 0; ;) {
      for (; at < this.frames.length; at++) {
        const one = this.frames[at]
        if (one !== undefined && fits(one)) return one
      }
      if (this.closed || Date.now() >= deadline) return undefined
      await this.#more(deadline - Date.now())
    }
  }

  async untilClosed(patience = 20_000): Promise<boolean> {
    const deadline = Date.now() + patience
    while (!this.closed && Date.now() < deadline) await this.#more(deadline - Date.now())
    return this.closed
  }

  /** How a stream was answered: its status, or the code of its reset as `RST n`, or of the `GOAWAY n`. */
  async outcome(stream: number, patience?: number): Promise<string> {
    const found = await this.until(
      (one) =>
        one.type === frameTypes.goaway ||
        (one.stream === stream &&
          (one.type === frameTypes.headers || one.type === frameTypes.rstStream)),
      patience,
    )
    if (found === undefined) return this.closed ? 'closed' : 'nothing'
    if (found.type === frameTypes.goaway) return `GOAWAY ${found.payload.readUInt32BE(4)}`
    if (found.type === frameTypes.rstStream) return `RST ${found.payload.readUInt32BE(0)}`
    return statusOf(found.payload)
  }

  /** The body of a stream so far, and whether it was ended as whole. */
  body(stream: number): { readonly text: string; readonly whole: boolean } {
    const own = this.frames.filter((one) => one.stream === stream)
    const pieces = own.filter((one) => one.type === frameTypes.data).map((one) => one.payload)
    const whole = own.some(
      (one) =>
        (one.type === frameTypes.data || one.type === frameTypes.headers) &&
        (one.flags & endStream) !== 0,
    )
    return { text: Buffer.concat(pieces).toString('latin1'), whole }
  }

  #read(chunk: Buffer): void {
    let bytes = Buffer.concat([this.#rest, chunk])
    while (bytes.length >= 9) {
      const length = bytes.readUIntBE(0, 3)
      if (bytes.length < 9 + length) break
      this.frames.push({
        type: bytes[3] ?? 0,
        flags: bytes[4] ?? 0,
        stream: bytes.readUInt32BE(5),
        payload: Buffer.from(bytes.subarray(9, 9 + length)),
      })
      bytes = bytes.subarray(9 + length)
    }
    this.#rest = Buffer.from(bytes)
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  #more(patience: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, patience)
      this.#waiting.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }
}

const statusesOfTable = ['200', '204', '206', '304', '400', '404', '500']

/** `:status` of an answer: it is the first field, from the table or as digits, Huffman-coded or not. */
function statusOf(payload: Buffer): string {
  const at = ((payload[0] ?? 0) & 0xe0) === 0x20 ? 1 : 0
  const first = payload[at] ?? 0
  if (first >= 0x88 && first <= 0x8e) return statusesOfTable[first - 0x88] ?? ''
  const length = payload[at + 1] ?? 0
  const value = payload.subarray(at + 2, at + 2 + (length & 0x7f))
  return length < 0x80 ? value.toString('latin1') : huffmanDigits(value)
}

/** Digits alone (RFC 7541 appendix B): 0 to 2 are five bits, 3 to 9 six. */
function huffmanDigits(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  let out = ''
  for (let at = 0; at + 5 <= bits.length;) {
    const short = Number.parseInt(bits.slice(at, at + 5), 2)
    if (short <= 2) {
      out += String(short)
      at += 5
      continue
    }
    const long = Number.parseInt(bits.slice(at, at + 6), 2)
    if (at + 6 > bits.length || long < 25 || long > 31) break
    out += String(long - 22)
    at += 6
  }
  return out
}

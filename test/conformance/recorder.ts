import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

/** One request, byte for byte as it reached the service. */
export interface Arrived {
  readonly method: string
  readonly target: string
  /** Names in lower case, values as they came. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly trailers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

/** What one connection holds so far. */
interface Stream {
  text: string
  readonly socket: Socket
}

/** Thrown when more bytes have to come first. */
class NotYet extends Error {}

/**
 * A service that reads its bytes by the letter of RFC 9112 and forgives nothing: what a lenient reader could
 * take for something else is an oddity, and every oddity is a fault of the gateway in front.
 */
export class ByteRecorder {
  readonly #server: Server
  readonly #streams = new Set<Stream>()
  #arrived: Arrived[] = []
  #oddities: string[] = []
  #cut = 0

  constructor() {
    this.#server = createServer((socket) => this.#serve(socket))
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve)
    })
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    for (const { socket } of this.#streams) socket.destroy()
    this.#server.close()
  }

  /** Requests that were whole. */
  get arrived(): readonly Arrived[] {
    return this.#arrived
  }

  /** Requests that had begun when their connection went. */
  get cut(): number {
    return this.#cut
  }

  /** Whether a request has begun and may still go on. */
  get pending(): boolean {
    return [...this.#streams].some(({ text }) => text !== '')
  }

  /** What came since the last call. */
  take(): { arrived: readonly Arrived[]; oddities: readonly string[]; cut: number } {
    const taken = { arrived: this.#arrived, oddities: this.#oddities, cut: this.#cut }
    this.#arrived = []
    this.#oddities = []
    this.#cut = 0
    return taken
  }

  #serve(socket: Socket): void {
    const stream: Stream = { text: '', socket }
    this.#streams.add(stream)
    socket.setEncoding('latin1')
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#streams.delete(stream)
      if (stream.text !== '') this.#cut += 1
    })
    socket.on('data', (chunk) => {
      stream.text += chunk
      this.#read(stream)
    })
  }

  #read(stream: Stream): void {
    try {
      while (stream.text !== '') {
        const { request, rest } = parseRequest(stream.text)
        stream.text = rest
        this.#arrived.push(request)
        stream.socket.write(
          request.method === 'HEAD'
            ? 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n'
            : 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
        )
      }
    } catch (error) {
      if (error instanceof NotYet) return
      this.#oddities.push(`${(error as Error).message}: ${JSON.stringify(stream.text)}`)
      stream.text = ''
      stream.socket.destroy()
    }
  }
}

function parseRequest(text: string): { request: Arrived; rest: string } {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) throw new NotYet()
  const [start = '', ...lines] = text.slice(0, end).split('\r\n')
  const parts = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP\/1\.[01]$/.exec(start)
  if (parts === null) throw new Error('an odd request line')
  const fields = lines.map(parseField)
  if (fields.filter(([name]) => name === 'host').length !== 1) throw new Error('not one host')
  const { body, trailers, rest } = parseBody(fields, text.slice(end + 4))
  const [, method = '', target = ''] = parts
  return { request: { method, target, fields, trailers, body }, rest }
}

function parseField(line: string): readonly [string, string] {
  const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*)$/.exec(line)
  if (match === null) throw new Error(`an odd field line ${JSON.stringify(line)}`)
  return [(match[1] ?? '').toLowerCase(), (match[2] ?? '').replace(/[ \t]+$/, '')]
}

type Body = Pick<Arrived, 'body' | 'trailers'> & { rest: string }

function parseBody(fields: Arrived['fields'], text: string): Body {
  const values = (wanted: string): string[] =>
    fields.filter(([name]) => name === wanted).map(([, value]) => value)
  const [lengths, codings] = [values('content-length'), values('transfer-encoding')]
  if (lengths.length + codings.length > 1) throw new Error('a body framed twice')
  if (codings.length === 1) {
    if (codings[0]?.toLowerCase() !== 'chunked') throw new Error('an odd transfer coding')
    return parseChunks(text)
  }
  const length = lengths[0] ?? '0'
  if (!/^\d+$/.test(length)) throw new Error('an odd length')
  if (text.length < Number(length)) throw new NotYet()
  return { body: text.slice(0, Number(length)), trailers: [], rest: text.slice(Number(length)) }
}

function parseChunks(text: string): Body {
  let body = ''
  let at = 0
  for (;;) {
    const end = text.indexOf('\r\n', at)
    if (end === -1) throw new NotYet()
    const size = text.slice(at, end)
    if (!/^[0-9A-Fa-f]{1,8}$/.test(size)) throw new Error('an odd chunk size')
    at = end + 2
    const length = Number.parseInt(size, 16)
    if (length === 0) break
    if (text.length < at + length + 2) throw new NotYet()
    body += text.slice(at, at + length)
    if (text.slice(at + length, at + length + 2) !== '\r\n') throw new Error('an odd chunk')
    at += length + 2
  }
  if (text.startsWith('\r\n', at)) return { body, trailers: [], rest: text.slice(at + 2) }
  const end = text.indexOf('\r\n\r\n', at)
  if (end === -1) throw new NotYet()
  const trailers = text.slice(at, end).split('\r\n').map(parseField)
  return { body, trailers, rest: text.slice(end + 4) }
}

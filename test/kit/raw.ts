import { connect } from 'node:net'
import type { Socket } from 'node:net'

/** What came back over one connection. */
export interface RawAnswer {
  readonly text: string
  /** The gateway ended the connection. */
  readonly closed: boolean
  /** Status of each answer, in order. */
  readonly statuses: readonly number[]
}

export interface RawOptions {
  /** How long to listen after the last byte when the connection stays open. */
  readonly quiet?: number
  /** Stop as soon as so many answers have begun and the last is whole enough to be quiet. */
  readonly limit?: number
}

/** Sends bytes as they are and listens until the other side closes or goes quiet. */
export function raw(
  port: number,
  bytes: string | Buffer | readonly (string | Buffer)[],
  options: RawOptions = {},
): Promise<RawAnswer> {
  const { quiet = 1000, limit = 30_000 } = options
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const chunks: Buffer[] = []
    let timer: NodeJS.Timeout | undefined
    const done = (closed: boolean): void => {
      clearTimeout(timer)
      clearTimeout(deadline)
      socket.destroy()
      const text = Buffer.concat(chunks).toString('latin1')
      const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]))
      resolve({ text, closed, statuses })
    }
    const deadline = setTimeout(() => done(false), limit)
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      clearTimeout(timer)
      timer = setTimeout(() => done(false), quiet)
    })
    socket.once('end', () => done(true))
    socket.once('error', () => done(true))
    socket.once('connect', () => {
      const pieces = typeof bytes === 'string' || Buffer.isBuffer(bytes) ? [bytes] : bytes
      void sendPieces(socket, pieces)
    })
  })
}

async function sendPieces(socket: Socket, pieces: readonly (string | Buffer)[]): Promise<void> {
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) await new Promise((resolve) => setTimeout(resolve, 60))
    if (socket.destroyed) return
    if (typeof piece === 'string') socket.write(piece, 'latin1')
    else socket.write(piece)
  }
}

/** A request head from its lines. */
export function head(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** The problem document of an answer. */
export function problemIn(answer: RawAnswer): { code: string; requestId: string; status: number } {
  const start = answer.text.indexOf('{"type"')
  return JSON.parse(answer.text.slice(start, answer.text.indexOf('}', start) + 1))
}

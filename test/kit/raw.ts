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
  /**
   * How long to listen after the last byte when the connection stays open: a second unless given, and longer
   * where the bytes ask for the connection to be closed.
   */
  readonly quiet?: number
  /** How long to listen at most. */
  readonly limit?: number
  /** So many answers have to begin before quiet means anything. */
  readonly answers?: number
  /** Each piece waits until something came back for those before it. */
  readonly inTurn?: boolean
}

/** Sends bytes as they are and listens until the other side closes or goes quiet. */
export function raw(
  port: number,
  bytes: string | Buffer | readonly (string | Buffer)[],
  options: RawOptions = {},
): Promise<RawAnswer> {
  const pieces = typeof bytes === 'string' || Buffer.isBuffer(bytes) ? [bytes] : bytes
  const { limit = 30_000, answers = 0, inTurn = false } = options
  const { quiet = pieces.some(asksToClose) ? 10_000 : 1000 } = options
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const chunks: Buffer[] = []
    let timer: NodeJS.Timeout | undefined
    let unread: NodeJS.Immediate | undefined
    const textSoFar = (): string => Buffer.concat(chunks).toString('latin1')
    const done = (closed: boolean): void => {
      clearTimeout(timer)
      clearImmediate(unread)
      clearTimeout(deadline)
      socket.destroy()
      const text = textSoFar()
      resolve({ text, closed, statuses: statusesIn(text) })
    }
    const deadline = setTimeout(() => done(false), limit)
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      clearTimeout(timer)
      clearImmediate(unread)
      if (answers > 0 && statusesIn(textSoFar()).length < answers) return
      timer = setTimeout(() => {
        // What came while this process stood still is read before its silence counts.
        unread = setImmediate(() => done(false))
      }, quiet)
    })
    socket.once('end', () => done(true))
    socket.once('error', () => done(true))
    socket.once('connect', () => {
      void sendPieces(socket, pieces, inTurn)
    })
  })
}

function asksToClose(piece: string | Buffer): boolean {
  return /\r\nconnection: close\r\n/i.test(piece.toString('latin1'))
}

function statusesIn(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]))
}

async function sendPieces(
  socket: Socket,
  pieces: readonly (string | Buffer)[],
  inTurn: boolean,
): Promise<void> {
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) {
      await new Promise((resolve) => {
        if (inTurn) socket.once('data', resolve)
        else setTimeout(resolve, 60)
      })
    }
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

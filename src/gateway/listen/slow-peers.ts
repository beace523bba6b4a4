import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Millis } from '../../core/index.ts'

/** Bytes that have to move in one interval while something is owed. */
const floor = 1024
const sweepEvery = 5000

interface Watched {
  request: IncomingMessage | undefined
  read: number
  sent: number
  /** Sweeps without enough movement. */
  stalled: number
}

/**
 * Ends connections that send a body, or read an answer, so slowly that they only hold resources. A
 * connection that owes nothing (an idle event stream, a paused upload) is left alone.
 */
export class SlowPeers {
  readonly #watched = new Map<Socket, Watched>()
  readonly #mostStalled: number
  #timer: NodeJS.Timeout | undefined

  constructor(patience: Millis) {
    this.#mostStalled = Math.max(1, Math.floor(patience / sweepEvery))
  }

  start(): void {
    this.#timer = setInterval(() => this.#sweep(), sweepEvery)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  watch(socket: Socket): void {
    this.#watched.set(socket, { request: undefined, read: 0, sent: 0, stalled: 0 })
    socket.once('close', () => this.#watched.delete(socket))
  }

  serving(socket: Socket, request: IncomingMessage): void {
    const watched = this.#watched.get(socket)
    if (watched !== undefined) watched.request = request
  }

  /** The request that arrived last. */
  latest(socket: Socket): IncomingMessage | undefined {
    return this.#watched.get(socket)?.request
  }

  #sweep(): void {
    for (const [socket, watched] of this.#watched) {
      const read = socket.bytesRead
      const sent = socket.bytesWritten - socket.writableLength
      const { request } = watched
      const owesBody = request !== undefined && !request.complete && !request.isPaused()
      const owesReading = socket.writableLength > 0
      const stalls =
        (owesBody && read - watched.read < floor) || (owesReading && sent - watched.sent < floor)
      watched.stalled = stalls ? watched.stalled + 1 : 0
      watched.read = read
      watched.sent = sent
      if (watched.stalled >= this.#mostStalled) socket.destroy()
    }
  }
}

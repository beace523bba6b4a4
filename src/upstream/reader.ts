import type { OnReadOpts, Socket } from 'node:net'

const firstSize = 64 * 1024
const mostSize = 128 * 1024
/** From here on handing the buffer over is cheaper than copying out of it. */
const large = 32 * 1024

/**
 * One buffer for all sockets: a read is consumed before the next one can start, so idle connections
 * hold no memory and a small answer costs no allocation but its copy.
 */
const shared = Buffer.allocUnsafeSlow(firstSize)

/**
 * Receives what was read, from the beginning of the memory on. What is `lent` is overwritten by the next read
 * of any socket; other memory is the receiver's alone.
 *
 * @returns whether more of the same body is to come.
 */
export type Consumer = (memory: Buffer, length: number, lent: boolean) => boolean

/**
 * Reads a plain socket without the stream machinery. Small reads lend the shared buffer; after a
 * large one the socket reads into buffers of its own, larger ones while reads fill them.
 */
export class SocketReader {
  consumer: Consumer | undefined
  #next = shared
  #size = firstSize

  /** For `net.connect`. */
  get options(): OnReadOpts {
    return {
      buffer: () => this.#next,
      callback: (count) => {
        this.#take(count)
        return true
      },
    }
  }

  /** Who takes what was read is slower than it comes: smaller pieces hold less memory while they wait. */
  ease(): void {
    this.#size = firstSize
  }

  #take(count: number): void {
    const read = this.#next
    const isShared = read === shared
    if (!isShared) this.#size = count === read.length ? mostSize : firstSize
    const goesOn = this.consumer?.(read, count, isShared) ?? false
    this.#next = goesOn && count >= large ? Buffer.allocUnsafeSlow(this.#size) : shared
  }
}

/** What a write to a connection says that its other side has closed, and how. */
export type BrokenBy = 'end' | 'reset'

/**
 * Lets a connection be read to its end after a write to it has failed: a service may have answered and
 * gone while a body was still being sent to it, and the runtime would throw away what has arrived. Works
 * on sockets that are read by a `SocketReader`.
 */
export function readOn(
  socket: Socket,
  events: {
    /**
     * Called once. The first failure tells a connection that had been ended in good order, and was reset
     * because we went on, from one that was cut.
     */
    broken(by: BrokenBy): void
    /** All that had arrived was read. The runtime has no `end` for a socket that a write has failed on. */
    ended(): void
  },
): void {
  const destroy = socket.destroy.bind(socket)
  let isBroken = false
  socket.destroy = (error?: Error): Socket => {
    const by = isBroken || error === undefined ? undefined : failedWrite(error)
    if (by === undefined) return destroy(error)
    isBroken = true
    const push = socket.push.bind(socket)
    socket.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
      const more = push(chunk, encoding)
      if (chunk === null) events.ended()
      return more
    }
    events.broken(by)
    return socket
  }
}

function failedWrite(error: NodeJS.ErrnoException): BrokenBy | undefined {
  if (error.syscall !== 'write') return undefined
  if (error.code === 'EPIPE') return 'end'
  return error.code === 'ECONNRESET' ? 'reset' : undefined
}

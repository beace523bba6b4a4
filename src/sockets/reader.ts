import type { OnReadOpts } from 'node:net'
import type { Readable } from 'node:stream'

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
  #stream: Readable | undefined
  #next = shared
  #size = firstSize

  /** For `net.connect`. */
  get options(): OnReadOpts {
    return {
      buffer: () => this.#next,
      callback: (count) => this.take(count),
    }
  }

  /** Who takes what was read is slower than it comes: smaller pieces hold less memory while they wait. */
  ease(): void {
    this.#size = firstSize
  }

  /** From now on what is read comes out of the stream that was passed by, as if there were no reader. */
  giveBack(stream: Readable): void {
    this.#stream = stream
  }

  /** The memory for the next read. */
  next(): Buffer {
    return this.#next
  }

  /** So many bytes were read into it. @returns whether to go on reading. */
  take(count: number): boolean {
    const read = this.#next
    if (this.#stream !== undefined) return this.#stream.push(Buffer.from(read.subarray(0, count)))
    const isShared = read === shared
    if (!isShared) this.#size = count === read.length ? mostSize : firstSize
    const goesOn = this.consumer?.(read, count, isShared) ?? false
    this.#next = goesOn && count >= large ? Buffer.allocUnsafeSlow(this.#size) : shared
    return true
  }
}

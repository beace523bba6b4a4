import type { OnReadOpts } from 'node:net'

const readSize = 64 * 1024
/** From here on handing the buffer over is cheaper than copying out of it. */
const large = 32 * 1024

/**
 * One buffer for all sockets: a read is consumed before the next one can start, so idle connections
 * hold no memory and a small answer costs no allocation but its copy.
 */
const shared = Buffer.allocUnsafeSlow(readSize)

/** Receives what was read. A `lent` view is overwritten by the next read of any socket. */
export type Consumer = (view: Buffer, lent: boolean) => void

/**
 * Reads a plain socket without the stream machinery. Small reads lend the shared buffer; after a
 * large one the socket reads into buffers of its own, which the consumer may keep.
 */
export class SocketReader {
  consumer: Consumer | undefined
  #next = shared

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

  #take(count: number): void {
    const read = this.#next
    this.#next = count >= large ? Buffer.allocUnsafeSlow(readSize) : shared
    this.consumer?.(read.subarray(0, count), read === shared)
  }
}

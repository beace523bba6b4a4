import { Duplex } from 'node:stream'
import { FrameScanner } from './frames.ts'
import type { Traffic } from './traffic.ts'

/** What every connection begins with (RFC 9113 3.4). */
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

/**
 * Stands between a connection and the runtime's HTTP/2, so that every frame is seen before the runtime acts
 * on it. Passes bytes on unchanged, or, once it is shut, not at all.
 */
export class Guard extends Duplex {
  readonly #socket: Duplex
  readonly #inbound: FrameScanner
  readonly #outbound: FrameScanner
  #prefaceLeft = preface.length
  #shut = false
  #written: ((error?: Error | null) => void) | undefined

  constructor(socket: Duplex, traffic: Traffic) {
    super({ allowHalfOpen: true, autoDestroy: true })
    this.#socket = socket
    this.#inbound = new FrameScanner(traffic.inbound)
    this.#outbound = new FrameScanner(traffic.outbound)
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    // Invariant: the runtime never hears that the caller has ended its side. It would end its own in turn, and
    // end the process when it has something to write before that is over.
    socket.on('end', () => this.destroy())
    socket.on('error', () => this.destroy())
    socket.on('close', () => this.destroy())
    socket.on('drain', () => this.#drained())
  }

  /** From now on nothing that arrives is passed on, the piece that is being judged included. */
  shut(): void {
    this.#shut = true
    this.#socket.resume()
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: unknown, done: (error?: Error | null) => void): void {
    this.#outbound.scan(chunk)
    this.#settle(this.#socket.write(chunk), done)
  }

  override _writev(
    pieces: readonly { readonly chunk: Buffer }[],
    done: (error?: Error | null) => void,
  ): void {
    this.#socket.cork()
    let flows = true
    for (const { chunk } of pieces) {
      this.#outbound.scan(chunk)
      flows = this.#socket.write(chunk)
    }
    this.#socket.uncork()
    this.#settle(flows, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done())
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#drained()
    this.#socket.destroy()
    done(error)
  }

  #receive(chunk: Buffer): void {
    if (this.#shut) return
    const skipped = Math.min(this.#prefaceLeft, chunk.length)
    this.#prefaceLeft -= skipped
    this.#inbound.scan(skipped === 0 ? chunk : chunk.subarray(skipped))
    // Judging it may have shut the guard.
    if (!this.#isOpen()) return
    if (!this.push(chunk)) this.#socket.pause()
  }

  #isOpen(): boolean {
    return !this.#shut
  }

  #settle(flows: boolean, done: (error?: Error | null) => void): void {
    if (flows || this.#socket.destroyed) done()
    else this.#written = done
  }

  #drained(): void {
    const done = this.#written
    this.#written = undefined
    done?.()
  }
}

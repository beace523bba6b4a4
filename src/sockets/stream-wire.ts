import { Socket } from 'node:net'
import { readAccepted } from './accepted.ts'
import type { SocketReader } from './reader.ts'
import type { Leaving } from './runtime.ts'
import type { Left, Wire, WireUser } from './wire.ts'

/** A connection by way of the runtime's socket: with TLS, or where something was before it. */
export class StreamWire implements Wire {
  readonly #socket: Socket
  readonly #encrypted: boolean
  #reader: SocketReader | undefined
  #user: WireUser | undefined

  /** @param reader - if it is read by one already. */
  constructor(socket: Socket, options: { encrypted: boolean; reader?: SocketReader | undefined }) {
    this.#socket = socket
    this.#encrypted = options.encrypted
    this.#reader = options.reader ?? readAccepted(socket)
  }

  readonly #onData = (chunk: Buffer): void => this.#user?.take(chunk)
  readonly #onEnd = (): void => this.#user?.ended()
  readonly #onDrain = (): void => this.#user?.drained()

  begin(user: WireUser): void {
    const socket = this.#socket
    this.#user = user
    if (this.#reader === undefined) socket.on('data', this.#onData)
    else this.#reader.consumer = (memory, length, lent) => user.read(memory, length, lent)
    socket.on('end', this.#onEnd)
    socket.on('drain', this.#onDrain)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => user.closed())
    // One that somebody else has paused is theirs to resume.
    if (this.#reader !== undefined && !socket.isPaused()) socket.resume()
  }

  get isGone(): boolean {
    return this.#socket.destroyed
  }

  get pending(): number {
    return this.#socket.writableLength
  }

  get bytesRead(): number {
    return this.#socket.bytesRead
  }

  get bytesSent(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength
  }

  get isPaused(): boolean {
    return this.#socket.isPaused()
  }

  write(piece: string | Uint8Array, left?: Left): boolean {
    if (typeof piece === 'string') return this.#socket.write(piece, 'latin1', left)
    return this.#socket.write(piece, left)
  }

  writeAll(pieces: readonly (string | Uint8Array)[], left?: Left): boolean {
    this.#socket.cork()
    let hasRoom = true
    for (const [at, piece] of pieces.entries()) {
      hasRoom = this.write(piece, at === pieces.length - 1 ? left : undefined)
    }
    this.#socket.uncork()
    return hasRoom
  }

  /** Goes on with a write of these pieces that was begun before there was a socket. */
  adopt(leaving: Leaving, pieces: readonly (string | Uint8Array)[], left?: Left): boolean {
    const socket = this.#socket
    const { prototype } = Socket
    const follow = (done: Left): void => {
      socket._write = (piece, encoding, next) =>
        prototype._write.call(socket, piece, encoding, next)
      socket._writev = (all, next) => prototype._writev?.call(socket, all, next)
      followUp(leaving, pieces, done)
    }
    socket._write = (_piece, _encoding, done) => follow(done)
    socket._writev = (_pieces, done) => follow(done)
    return this.writeAll(pieces, left)
  }

  whenLeft(left: Left): void {
    this.#socket.write('', left)
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  ease(): void {
    this.#reader?.ease()
  }

  end(): void {
    this.#socket.end()
    this.#socket.resume()
  }

  /** The system ends what it closes, once all that it has has left; what TLS says at the end is not it. */
  finish(): void {
    if (this.#encrypted || this.pending > 0) this.#socket.destroySoon()
    else this.#socket.destroy()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  reset(): void {
    // TLS says itself when nothing follows.
    if (this.#encrypted) this.#socket.destroy()
    else this.#socket.resetAndDestroy()
  }

  socket(): Socket {
    return this.#socket
  }

  giveAway(ahead: Buffer | undefined): Socket {
    const socket = this.#socket
    socket.off('end', this.#onEnd).off('drain', this.#onDrain).off('data', this.#onData)
    this.#reader?.giveBack(socket)
    socket.pause()
    if (ahead !== undefined) socket.unshift(ahead)
    return socket
  }
}

function followUp(leaving: Leaving, pieces: unknown, done: Left): void {
  leaving.buffer = pieces
  leaving.oncomplete = (status) => {
    done(status < 0 ? new Error('the connection was reset') : null)
  }
  if (leaving.writeStatus !== null) leaving.oncomplete(leaving.writeStatus)
}

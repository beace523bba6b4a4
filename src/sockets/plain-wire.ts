import { Socket } from 'node:net'
import type { Server } from 'node:net'
import { readOver } from './accepted.ts'
import { SocketReader } from './reader.ts'
import { hold, places, socketOver } from './runtime.ts'
import type { Handle, Written } from './runtime.ts'
import { StreamWire } from './stream-wire.ts'
import type { Left, Wire, WireUser } from './wire.ts'

const nothing = (): void => undefined
/** The memory for the next read of whatever was just read. */
let next: Buffer
const takeNext = (): Buffer => next

/**
 * A connection without TLS by way of its handle alone, for as long as all that is written to it leaves at once
 * and nobody wants a socket. For anything else it becomes a `StreamWire`, and its user is told.
 */
class PlainWire implements Wire {
  readonly #handle: Handle
  readonly #reader = new SocketReader()
  readonly #onGone: () => void
  #user: WireUser | undefined
  #hasEnded = false
  /** What it has become. */
  #grown: StreamWire | undefined
  isPaused = false
  /** Also for the runtime's reader. */
  destroyed = false

  constructor(handle: Handle, onGone: () => void) {
    this.#handle = handle
    this.#onGone = onGone
  }

  begin(user: WireUser): void {
    this.#user = user
    this.#reader.consumer = (memory, length, lent) => user.read(memory, length, lent)
    readFor(this, this.#handle, this.#reader.next())
    this.#start()
  }

  get isGone(): boolean {
    return this.destroyed
  }

  get pending(): number {
    return 0
  }

  get bytesRead(): number {
    return this.#handle.bytesRead
  }

  get bytesSent(): number {
    return this.#handle.bytesWritten
  }

  write(piece: string | Uint8Array, left?: Left): boolean {
    if (this.destroyed) return false
    const written =
      typeof piece === 'string'
        ? this.#handle.writeLatin1String(null, piece)
        : this.#handle.writeBuffer(null, piece)
    return this.#wrote(written, [piece], left)
  }

  writeAll(pieces: readonly (string | Uint8Array)[], left?: Left): boolean {
    if (this.destroyed) return false
    const flat = pieces.flatMap((one) => [one, typeof one === 'string' ? 'latin1' : 'buffer'])
    return this.#wrote(this.#handle.writev(null, flat, false), pieces, left)
  }

  #wrote(written: Written, pieces: readonly (string | Uint8Array)[], left?: Left): boolean {
    if (typeof written === 'object') return this.#grow().adopt(written, pieces, left)
    if (written !== 0) {
      this.destroy()
      return false
    }
    if (left !== undefined) process.nextTick(left)
    return true
  }

  whenLeft(left: Left): void {
    process.nextTick(left)
  }

  pause(): void {
    if (this.isPaused || this.destroyed) return
    this.isPaused = true
    this.#handle.readStop()
  }

  resume(): void {
    if (!this.isPaused || this.destroyed) return
    this.isPaused = false
    this.#start()
  }

  ease(): void {
    this.#reader.ease()
  }

  end(): void {
    if (!this.destroyed) this.#grow().end()
  }

  /** All has left: the system ends what it closes. */
  finish(): void {
    this.destroy()
  }

  destroy(): void {
    if (this.#grown !== undefined) {
      this.#grown.destroy()
      return
    }
    if (this.destroyed) return
    this.destroyed = true
    this.#handle.onread = nothing
    this.#handle.close()
    this.#onGone()
    process.nextTick(tellClosed, this.#user)
  }

  reset(): void {
    if (!this.destroyed) this.#grow().reset()
  }

  socket(): Socket {
    return this.destroyed ? new Socket().destroy() : this.#grow().socket()
  }

  giveAway(ahead: Buffer | undefined): Socket {
    return this.destroyed ? new Socket().destroy() : this.#grow().giveAway(ahead)
  }

  /** So many bytes were read. */
  readSome(count: number): boolean {
    this.#reader.take(count)
    next = this.#reader.next()
    return true
  }

  /** The other side has ended. */
  readEnd(): void {
    this.#hasEnded = true
    this.#user?.ended()
  }

  #start(): void {
    if (this.#handle.readStart() !== 0) this.destroy()
  }

  #grow(): StreamWire {
    if (this.#grown !== undefined) return this.#grown
    const socket = socketOver(this.#handle)
    // The end is read again, so that the socket knows of it too.
    this.#handle.reading = !this.isPaused && !this.#hasEnded
    const wire = new StreamWire(socket, { encrypted: false, reader: readOver(socket) })
    this.#grown = wire
    if (this.isPaused) wire.pause()
    socket.once('close', this.#onGone)
    if (this.#user !== undefined) {
      wire.begin(this.#user)
      this.#user.became(wire)
    }
    return wire
  }
}

function tellClosed(user: WireUser | undefined): void {
  user?.closed()
}

/** What the runtime's reader takes a wire for: a stream that is told to read into memory of its own. */
type Readable = PlainWire & Record<symbol, unknown>

function readFor(wire: PlainWire, handle: Handle, memory: Buffer): void {
  if (hold === undefined || places === undefined) return
  ;(wire as Readable)[places.buffer] = memory
  const held = handle as Handle & Record<symbol, unknown>
  held[hold.owner] = wire
  handle.onread = hold.onread
  handle.useUserBuffer(memory)
}

if (hold !== undefined && places !== undefined) {
  Object.defineProperties(PlainWire.prototype, {
    _readableState: { value: { endEmitted: false } },
    push: {
      value(this: PlainWire) {
        this.readEnd()
      },
    },
    read: { value: nothing },
    [hold.wakes]: { value: nothing },
    [places.callback]: {
      value(this: PlainWire, count: number) {
        return this.readSome(count)
      },
    },
    [places.generator]: { value: takeNext },
  })
}

type Listening = Server & {
  readonly _handle?: {
    onconnection: (this: unknown, error: number | undefined, handle: Handle) => void
  } | null
}

/**
 * Lets a server that listens hand over those that it accepts without making sockets of them. Nothing of the
 * server counts them then, nor ends them.
 *
 * @param accept - gets the address at the other end, empty where nobody can tell any more.
 * @param onGone - one of them is closed.
 * @returns whether that can be; with another runtime everything stays as it is.
 */
export function acceptWires(
  server: Server,
  accept: (wire: Wire, address: string) => void,
  onGone: () => void,
): boolean {
  const { _handle: listening } = server as Listening
  if (hold === undefined || places === undefined) return false
  if (typeof listening?.onconnection !== 'function') return false
  const usual = listening.onconnection
  listening.onconnection = function (error, handle) {
    if (typeof error === 'number' && error !== 0) usual.call(this, error, handle)
    else {
      const found: { address?: string } = {}
      handle.setNoDelay(true)
      handle.getpeername(found)
      accept(new PlainWire(handle, onGone), found.address ?? '')
    }
  }
  return true
}

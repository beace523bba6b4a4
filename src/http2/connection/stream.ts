import { ErrorCode } from '../codes.ts'
import type { DataPiece } from '../data-run.ts'
import { ReceiveWindow } from '../flow.ts'
import { windowUpdateFrame } from '../frame-writer.ts'
import { Inbox } from './inbox.ts'
import type { InboxOwner } from './inbox.ts'
import type { Outbox, Standing } from './outbox.ts'
import { SendingSide } from './sending-side.ts'

/** Who uses a stream. */
export interface StreamUser {
  /**
   * A piece of body came; `pause` holds further ones back.
   *
   * @param isSole - nothing else is in its memory, which may be freed.
   */
  onData(piece: Buffer, isSole: boolean): void
  /** The message of the peer is whole; `trailers` of the stream are known. */
  onEnd(): void
  /** All that was written has left, after `write` said to wait. */
  onDrain(): void
  /** The stream is over, whoever ended it and how. Called once. */
  onClose(): void
}

/** What a stream needs of its connection. */
export interface StreamOwner {
  readonly outbox: Outbox
  /** Octets of body were taken: the peer may send as many again. */
  release(octets: number): void
  /** The last frame of ours is in the outbox. */
  sentAll(stream: Stream): void
  /** Ends a stream with RST_STREAM. */
  cutOff(stream: Stream, code: number): void
  /** Both sides are done. */
  forget(stream: Stream): void
}

export interface StreamWindows {
  readonly send: number
  readonly receive: number
}

/** One stream of a connection (RFC 9113 5.1): what either side sends on it, and how far that is. */
export class Stream extends SendingSide implements InboxOwner {
  user: StreamUser | undefined
  /** Handed to whoever serves it: how it ends is no longer the protocol's to record. */
  isServed = false
  /** The peer has sent all it sends. */
  receivedAll = false
  /** Name, value pairs behind the body of the peer. */
  trailers: readonly string[] = []
  /** Octets of body that the peer announced; -1 for none. */
  declared = -1
  /** Octets of body that came so far. */
  received = 0
  readonly #owner: StreamOwner
  readonly #receiveSize: number
  #receiveWindow: ReceiveWindow | undefined
  #inbox: Inbox | undefined
  #head: readonly string[] | undefined

  constructor(id: number, owner: StreamOwner, windows: StreamWindows) {
    super(id, owner.outbox, windows.send)
    this.#owner = owner
    this.#receiveSize = windows.receive
  }

  get isPaused(): boolean {
    return this.#inbox?.isPaused ?? true
  }

  pause(): void {
    this.#inbox?.pause()
  }

  resume(): void {
    if (!this.isOver) this.#in().resume()
  }

  /**
   * Takes DATA. Window is given back for what the user took, and for padding at once.
   * @returns the code of the stream error that it is, if it is one.
   */
  receive({ octets, flowed, ends, isSole }: DataPiece): number | undefined {
    const { length } = octets
    this.#receiveWindow ??= new ReceiveWindow(this.#receiveSize)
    if (!this.#receiveWindow.receive(flowed)) return ErrorCode.flowControl
    this.received += length
    if (this.declared >= 0 && this.received > this.declared) return ErrorCode.protocol
    if (flowed > length) this.#giveBack(flowed - length)
    if (length > 0) this.#in().receive(octets, isSole)
    return ends ? this.receiveEnd([]) : undefined
  }

  /** @returns the code of the stream error that it is, if it is one (RFC 9113 8.1.1). */
  receiveEnd(trailers: readonly string[]): number | undefined {
    if (this.declared >= 0 && this.received !== this.declared) return ErrorCode.protocol
    this.receivedAll = true
    this.trailers = trailers
    this.#inbox?.end()
    return undefined
  }

  onPiece(piece: Buffer, isSole: boolean): void {
    // Whoever takes it may let go of its memory at once: it has no length behind that.
    const { length } = piece
    this.user?.onData(piece, isSole)
    this.#giveBack(length)
  }

  onWhole(): void {
    this.user?.onEnd()
  }

  /** Sends a head that stands by itself, such as an answer before the answer. */
  inform(fields: readonly string[]): void {
    if (!this.isOver) this.outbox.sayHead(this.id, fields, false)
  }

  /** Begins the message of ours. The fields have been checked. */
  begin(fields: readonly string[]): void {
    if (this.isOver) return
    this.#head = fields
    this.outbox.enter(this)
  }

  /** Ends the stream with RST_STREAM; of what waits the head alone is sent. */
  reset(code: number): void {
    if (this.#head !== undefined) this.#sendHead(this.outbox, this.#head)
    if (!this.isOver) this.#owner.cutOff(this, code)
  }

  /** The stream is over: lets go of all that it holds. For its connection alone. */
  close(): void {
    if (this.isOver) return
    this.isOver = true
    this.#inbox?.discard()
    this.#owner.release(this.#receiveWindow?.held ?? 0)
    this.#head = undefined
    this.dropUnsent()
    this.#owner.forget(this)
    this.user?.onClose()
  }

  override sendNext(outbox: Outbox): Standing {
    if (this.#head !== undefined && !this.isOver) this.#sendHead(outbox, this.#head)
    return super.sendNext(outbox)
  }

  protected onSentAll(): void {
    this.#owner.sentAll(this)
  }

  protected onDrained(): void {
    this.user?.onDrain()
  }

  #in(): Inbox {
    if (this.#inbox === undefined) {
      this.#inbox = new Inbox(this)
      if (this.receivedAll) this.#inbox.end()
    }
    return this.#inbox
  }

  #giveBack(octets: number): void {
    if (this.isOver) return
    this.#owner.release(octets)
    const increment = this.#receiveWindow?.release(octets) ?? 0
    if (increment === 0 || this.receivedAll) return
    this.outbox.say(windowUpdateFrame(this.id, increment))
  }

  #sendHead(outbox: Outbox, fields: readonly string[]): void {
    this.#head = undefined
    const isAll = this.endsHere
    outbox.sayHead(this.id, fields, isAll)
    if (isAll) this.finish()
  }
}

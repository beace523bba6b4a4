import type { Duplex } from 'node:stream'
import { defaultFrameSize, defaultWindow } from '../codes.ts'
import { SendWindow } from '../flow.ts'
import { headersFrame } from '../frame-writer.ts'
import { HeaderEncoder } from '../hpack/encoder.ts'
import { flushAfterTurn } from './turn.ts'

/** How a stream stands after its turn to send. */
export type Standing =
  /** It has nothing to send, or no window of its own to send it in. */
  | 'idle'
  /** It has more to send. */
  | 'more'
  /** It would have, but the window of the connection is used up. */
  | 'starved'

/** A stream as the outbox sees it. */
export interface Sending {
  /** Owned by the outbox: it stands in the row of those that have something to send. */
  queues: boolean
  /** Puts its next frame in the outbox: a head, and one piece of body at most. */
  sendNext(outbox: Outbox): Standing
  /** Octets that it put in by reference are not looked at any more. */
  haveLeft(octets: number): void
}

/** What one turn writes at most. A frame of body may pass it. */
const mostPerTurn = 128 * 1024
/** A peer that has so much of ours to read is not read from. */
const mostUnread = 256 * 1024

/**
 * What one connection sends. Frames of a turn of the event loop are joined into one write; streams with body
 * to send take turns, a frame each, as far as the window of the connection and the reader of the socket let
 * them.
 */
export class Outbox {
  /** What the peer lets us send on all streams together. */
  readonly window = new SendWindow(defaultWindow)
  readonly encoder = new HeaderEncoder()
  /** The longest payload that we send: what each peer has to take. */
  readonly frameSize = defaultFrameSize
  /** Frames of body that were sent. */
  bodyFrames = 0
  readonly #socket: Duplex
  /** Pieces of this turn, and the text behind them. */
  #pieces: (string | Buffer)[] = []
  #text = ''
  #size = 0
  #row: Sending[] = []
  #leaving: { readonly stream: Sending; readonly octets: number }[] = []
  #isDue = false
  #holdsBack = false

  constructor(socket: Duplex) {
    this.#socket = socket
    socket.on('drain', () => {
      if (this.#holdsBack) socket.resume()
      this.#holdsBack = false
      this.flush()
    })
  }

  /** Adds frames. */
  say(frames: string): void {
    this.#text += frames
    this.#size += frames.length
    this.#schedule()
  }

  /** Adds a head of checked fields, in the order in which heads are compressed. */
  sayHead(stream: number, fields: readonly string[], endStream: boolean): void {
    const block = this.encoder.encode(fields)
    this.say(headersFrame(stream, block, { endStream, maxFrameSize: this.frameSize }))
  }

  /** Adds octets that stay where they are; `haveLeft` says when nobody looks at them any more. */
  sayByReference(stream: Sending, octets: Buffer): void {
    this.#pieces.push(this.#text, octets)
    this.#text = ''
    this.#size += octets.length
    this.#leaving.push({ stream, octets: octets.length })
    this.#schedule()
  }

  /** The stream may have something to send. */
  enter(stream: Sending): void {
    if (!stream.queues) {
      stream.queues = true
      this.#row.push(stream)
    }
    this.#schedule()
  }

  /** There is more window than there was. */
  wake(): void {
    if (this.#row.length > 0) this.#schedule()
  }

  /** Sends what there is, as far as the socket is read. */
  flush(): void {
    this.#isDue = false
    if (this.#socket.destroyed || this.#socket.writableEnded) return
    const goesOn = !this.#socket.writableNeedDrain && this.#fill()
    if (this.#size > 0) this.#write()
    if (goesOn && !this.#socket.writableNeedDrain) this.#schedule()
    if (this.#socket.writableLength <= mostUnread) return
    this.#holdsBack = true
    this.#socket.pause()
  }

  #schedule(): void {
    if (this.#isDue) return
    this.#isDue = true
    flushAfterTurn(this)
  }

  /** Lets streams take turns. @returns whether there is more to send at once. */
  #fill(): boolean {
    for (;;) {
      const row = this.#row
      this.#row = []
      let moved = false
      for (const [index, stream] of row.entries()) {
        if (this.#size >= mostPerTurn) {
          this.#row = [...row.slice(index), ...this.#row]
          return true
        }
        const standing = stream.sendNext(this)
        if (standing === 'idle') stream.queues = false
        else this.#row.push(stream)
        if (standing === 'more') moved = true
      }
      if (!moved) return false
    }
  }

  #write(): void {
    const text = this.#text
    this.#text = ''
    this.#size = 0
    if (this.#pieces.length === 0) this.#socket.write(text, 'latin1')
    else this.#writePieces(text)
  }

  #writePieces(text: string): void {
    const leaving = this.#leaving
    const pieces = [...this.#pieces, text].filter((piece) => piece.length > 0)
    const last = pieces.length - 1
    this.#pieces = []
    this.#leaving = []
    const onLeft = (): void => {
      for (const { stream, octets } of leaving) stream.haveLeft(octets)
    }
    this.#socket.cork()
    for (const [index, piece] of pieces.entries()) {
      const then = index === last ? onLeft : undefined
      if (typeof piece === 'string') this.#socket.write(piece, 'latin1', then)
      else this.#socket.write(piece, then)
    }
    this.#socket.uncork()
  }
}

import { ErrorCode } from '../../http2/index.ts'
import type { DataPiece, FieldList } from '../../http2/index.ts'
import type { ResponseHead } from '../contract.ts'
import { interimFields, isInterim, responseHead, responseTrailers } from './response-fields.ts'

/** Who hears what comes back over one stream. */
export interface AnswerEvents {
  /** Something of an answer arrived. */
  moved(): void
  interim(status: number, headers: readonly string[]): void
  began(head: ResponseHead): void
  /** With `last` the answer is whole, and `finished` follows. @returns `false` to pause. */
  piece(chunk: Buffer, last: boolean, isSole: boolean): boolean
  finished(trailers: readonly string[]): void
  /** It is no sound answer; nothing more is said of it. */
  failed(kind: 'malformed' | 'too_large', detail: string): void
}

const maxInformational = 8
/** So many pieces that wait are put together: each costs more beside its octets. */
const mostPieces = 64
const noTrailers: readonly string[] = []

/**
 * Reads the answer on one stream: tells a whole one from one that was cut, and keeps what came while the
 * receiver pauses (at most one window), so that a service which answers and leaves has answered.
 */
export class StreamAnswer {
  readonly #events: AnswerEvents
  readonly #taken: (octets: number) => void
  readonly #headRequest: boolean
  #informational = 0
  #headed = false
  /** All of it came. */
  #whole = false
  /** Octets that did not come yet, where it is known how many they are. */
  #missing: number | undefined
  #paused: boolean
  #over = false
  #ahead: Buffer[] = []
  #trailers = noTrailers
  #isDue = false

  constructor(
    events: AnswerEvents,
    begin: {
      readonly headRequest: boolean
      readonly paused: boolean
      /** So many octets of the body need no room any more. */
      readonly taken: (octets: number) => void
    },
  ) {
    this.#events = events
    this.#taken = begin.taken
    this.#headRequest = begin.headRequest
    this.#paused = begin.paused
  }

  /** Nothing more is said. */
  stop(): void {
    this.#over = true
    this.#ahead = []
  }

  pause(): void {
    this.#paused = true
  }

  /** What waits is handed over in the next tick: the receiver is never called from inside its own call. */
  resume(): void {
    this.#paused = false
    if (this.#isDue || this.#over || (this.#ahead.length === 0 && !this.#whole)) return
    this.#isDue = true
    process.nextTick(deliverLater, this)
  }

  /** Takes a header section: of an interim answer, of the answer, or its trailers. */
  section(list: FieldList, ends: boolean): void {
    if (this.#over) return
    this.#events.moved()
    if (list.tooLarge) this.#fail('too_large', 'a header section over the bound')
    else if (list.malformed !== undefined) this.#fail('malformed', list.malformed)
    else if (this.#headed) this.#readTrailers(list.fields, ends)
    else if (isInterim(list.fields)) this.#readInterim(list.fields, ends)
    else this.#readHead(list.fields, ends)
  }

  /** Takes a piece of the body. */
  data({ octets: view, ends, isSole }: DataPiece): void {
    if (this.#over) return
    this.#events.moved()
    if (!this.#headed) {
      this.#fail('malformed', 'a body before its head')
      return
    }
    if (this.#missing !== undefined) this.#missing -= view.length
    if (this.#isShortOrLong(ends)) {
      this.#fail('malformed', 'a body of another length than announced')
      return
    }
    this.#whole = ends
    if (this.#paused || this.#ahead.length > 0) this.#hold(view)
    else if (view.length > 0) this.#hand(view, isSole)
    if (ends) this.deliver()
  }

  /**
   * Hears that the service has reset the stream, or that the connection is gone.
   *
   * Invariant: an answer is whole only if its last frame said so, or if all that was announced is there and
   * the reset says that nothing went wrong (RFC 9113 8.1): some services do that to what they forgot to end.
   *
   * @returns whether the answer is whole all the same, and waits at most for its receiver.
   */
  outlives(code: number): boolean {
    if (!this.#whole && this.#headed && this.#missing === 0 && code === ErrorCode.none) {
      this.#whole = true
      if (!this.#over) this.deliver()
    }
    return this.#whole
  }

  /** Hands over what waits, and the end when nothing does. */
  deliver(): void {
    this.#isDue = false
    while (!this.#over && !this.#paused) {
      const chunk = this.#ahead.shift()
      if (chunk === undefined) break
      this.#hand(chunk, false)
    }
    if (this.#over || this.#paused || !this.#whole) return
    this.#over = true
    this.#events.finished(this.#trailers)
  }

  #isShortOrLong(ends: boolean): boolean {
    return this.#missing !== undefined && (this.#missing < 0 || (ends && this.#missing > 0))
  }

  #hand(chunk: Buffer, isSole: boolean): void {
    const last = this.#whole && this.#ahead.length === 0 && this.#trailers.length === 0
    // Whoever takes the piece may let go of its memory, and with it of its length.
    const { length } = chunk
    const more = this.#events.piece(chunk, last, isSole)
    if (!more && !last) this.#paused = true
    if (!this.#over) this.#taken(length)
  }

  /** A copy, so that what waits holds its own memory and not that of the whole read. */
  #hold(view: Buffer): void {
    if (view.length === 0) return
    this.#ahead.push(Buffer.from(view))
    if (this.#ahead.length > mostPieces) this.#ahead = [Buffer.concat(this.#ahead)]
  }

  #readInterim(fields: readonly string[], ends: boolean): void {
    const interim = interimFields(fields)
    this.#informational += 1
    if (typeof interim === 'string') this.#fail('malformed', interim)
    else if (ends) this.#fail('malformed', 'an interim answer that ends the stream')
    else if (this.#informational > maxInformational) {
      this.#fail('malformed', 'too many interim answers')
    } else this.#events.interim(interim.status, interim.headers)
  }

  #readHead(fields: readonly string[], ends: boolean): void {
    const head = responseHead(fields, { headRequest: this.#headRequest, ended: ends })
    if (typeof head === 'string') {
      this.#fail('malformed', head)
      return
    }
    this.#headed = true
    this.#whole = ends
    if (head.framing === 'none') this.#missing = 0
    else if (head.framing === 'length') this.#missing = head.length
    this.#events.began(head)
    if (ends) this.deliver()
  }

  #readTrailers(fields: readonly string[], ends: boolean): void {
    const trailers = ends ? responseTrailers(fields) : 'trailers that do not end the stream'
    if (typeof trailers === 'string') this.#fail('malformed', trailers)
    else if (this.#isShortOrLong(true)) {
      this.#fail('malformed', 'a body of another length than announced')
    } else {
      this.#trailers = trailers
      this.#whole = true
      this.deliver()
    }
  }

  #fail(kind: 'malformed' | 'too_large', detail: string): void {
    this.#over = true
    this.#ahead = []
    this.#events.failed(kind, detail)
  }
}

function deliverLater(answer: StreamAnswer): void {
  answer.deliver()
}

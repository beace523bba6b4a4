import { ReceiveWindow, SendingSide, windowUpdateFrame } from '../../http2/index.ts'
import type { DataPiece, Outbox } from '../../http2/index.ts'
import { streamWindow } from './greeting.ts'
import { StreamAnswer } from './answer.ts'
import type { AnswerEvents } from './answer.ts'

/** The exchange that a stream is for. */
export interface StreamUser extends AnswerEvents {
  /** All that was written has left, after `write` said to wait. */
  drained(): void
}

/** What a stream needs of its session. */
export interface StreamHost {
  readonly outbox: Outbox
  /** The last frame of ours is in the outbox. */
  sentAll(stream: ClientStream): void
  /** Ends the stream with RST_STREAM. */
  cutOff(stream: ClientStream, code: number): void
}

/** One stream to a service: a request that leaves as the windows let it, and the answer to it. */
export class ClientStream extends SendingSide {
  readonly answer: StreamAnswer
  /** The service has sent all it sends. */
  receivedAll = false
  readonly #host: StreamHost
  readonly #user: StreamUser
  readonly #receiveWindow = new ReceiveWindow(streamWindow)

  constructor(
    host: StreamHost,
    user: StreamUser,
    begin: {
      readonly id: number
      readonly window: number
      readonly headRequest: boolean
      readonly paused: boolean
    },
  ) {
    super(begin.id, host.outbox, begin.window)
    this.#host = host
    this.#user = user
    this.answer = new StreamAnswer(user, {
      headRequest: begin.headRequest,
      paused: begin.paused,
      taken: (octets) => this.#giveBack(octets),
    })
  }

  /** Takes DATA. @returns `false` when it is more than the window of the stream. */
  receive(piece: DataPiece): boolean {
    const { flowed } = piece
    const { length } = piece.octets
    if (!this.#receiveWindow.receive(flowed)) return false
    if (flowed > length) this.#giveBack(flowed - length)
    this.answer.data(piece)
    return true
  }

  /** Ends the stream with RST_STREAM; what waits is not sent. */
  reset(code: number): void {
    if (!this.isOver) this.#host.cutOff(this, code)
  }

  /** Lets go of what waits to be sent. For its session alone. */
  close(): void {
    this.isOver = true
    this.dropUnsent()
  }

  protected onSentAll(): void {
    this.#host.sentAll(this)
  }

  protected onDrained(): void {
    if (!this.isOver) this.#user.drained()
  }

  #giveBack(octets: number): void {
    if (this.isOver) return
    const increment = this.#receiveWindow.release(octets)
    if (increment === 0 || this.receivedAll) return
    this.outbox.say(windowUpdateFrame(this.id, increment))
  }
}

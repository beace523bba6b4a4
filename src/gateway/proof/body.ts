import { isRefusal } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import { proofErrors } from '../../proof/index.ts'
import { gatewayErrors } from '../errors.ts'
import type { Incoming } from '../incoming/incoming.ts'
import { bodyLength } from '../incoming/screen.ts'
import type { Room } from './room.ts'

/** A body in more pieces costs more memory beside its bytes than they are worth. */
const mostPieces = 65_536
/** How long a body may take in all, in milliseconds. */
const longest = 60_000

/**
 * Reads the body of a request to its end, and only then asks a caller for it that waits to be asked
 * (RFC 9110 10.1.1). Its room is given back when the request is over.
 *
 * Invariant: nothing that comes with the request goes past what is answered here. What would be read
 * differently further on (a content coding, trailers) is refused.
 */
export function readWhole(
  incoming: Incoming,
  { maxBody, room }: { maxBody: number; room: Room },
): Promise<Buffer | Refusal> {
  const { request, life } = incoming
  if (request.headers['content-encoding'] !== undefined) {
    return Promise.resolve(proofErrors.refuse('body_unreadable', 'a content coding'))
  }
  const { chunked, length } = bodyLength(request)
  if (length > maxBody) return Promise.resolve(proofErrors.refuse('body_too_large'))
  if (!chunked && length === 0) return Promise.resolve(Buffer.alloc(0))
  const reading = new Reading(incoming, maxBody, room)
  life.onOver(() => reading.over())
  life.onBroken((refusal) => reading.end(refusal))
  if (incoming.expectsContinue) incoming.response.writeContinue()
  return reading.whole
}

class Reading {
  readonly whole: Promise<Buffer | Refusal>
  readonly #incoming: Incoming
  readonly #maxBody: number
  readonly #room: Room
  readonly #timer: NodeJS.Timeout
  #resolve: (read: Buffer | Refusal) => void = () => undefined
  #pieces: Buffer[] = []
  #length = 0
  #ended = false

  constructor(incoming: Incoming, maxBody: number, room: Room) {
    this.#incoming = incoming
    this.#maxBody = maxBody
    this.#room = room
    this.whole = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.#timer = setTimeout(() => this.end(gatewayErrors.refuse('request_timeout')), longest)
    const { request } = incoming
    request.on('data', (piece) => this.#add(piece))
    request.on('end', () => this.#finish())
    request.on('error', () => this.end(gatewayErrors.refuse('malformed', 'the body ended early')))
  }

  end(read: Buffer | Refusal): void {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#timer)
    this.#pieces = []
    if (isRefusal(read)) this.#incoming.request.pause()
    this.#resolve(read)
  }

  over(): void {
    this.end(gatewayErrors.refuse('malformed', 'the caller went away'))
    this.#room.giveBack(this.#length)
    this.#length = 0
  }

  #add(piece: Buffer): void {
    if (this.#ended) return
    if (this.#length + piece.length > this.#maxBody || this.#pieces.length === mostPieces) {
      this.end(proofErrors.refuse('body_too_large'))
      return
    }
    if (!this.#room.take(piece.length)) {
      this.end(
        gatewayErrors.refuse('overloaded', 'bodies that wait for a proof', { 'retry-after': '5' }),
      )
      return
    }
    this.#length += piece.length
    // A short piece may hold all that was read with it, other requests' bodies among it.
    this.#pieces.push(piece.length * 2 < piece.buffer.byteLength ? Buffer.from(piece) : piece)
  }

  #finish(): void {
    if (this.#ended) return
    if (this.#incoming.request.rawTrailers.length > 0) {
      this.end(proofErrors.refuse('body_unreadable', 'trailers'))
      return
    }
    // Memory of its own: a piece of the runtime's pool would show what stands beside it.
    const whole = Buffer.allocUnsafeSlow(this.#length)
    let at = 0
    for (const piece of this.#pieces) at += piece.copy(whole, at)
    this.end(whole)
  }
}

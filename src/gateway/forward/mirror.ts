import type { Exchange, RequestFraming, ResponseSink } from '../../upstream/index.ts'
import { outgoingRequest } from './outgoing.ts'
import type { Admitted } from '../stages.ts'
import type { Destination } from './split.ts'

/** How copies fared, for metrics. */
export interface MirrorCounts {
  /** Sent, whatever was answered. */
  sent: number
  /** Not sent: too many under way, or a body that is too long or never ended. */
  skipped: number
  /** Sent, and not answered wholly. */
  failed: number
}

export interface MirrorOptions {
  readonly destination: Destination
  /** 0 to 100: of the requests that qualify. */
  readonly percent: number
  /** Longest body that is copied, in bytes. */
  readonly maxBody: number
  /** Whether requests that may change something are copied. */
  readonly unsafeMethods: boolean
  /** Copies under way at once, from their first byte on, over all routes that share the mirror. */
  readonly concurrency: number
  readonly counts: MirrorCounts
}

const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
/** A body in more pieces is not copied: each of them costs memory beside its bytes. */
const mostPieces = 4096
/** An answer nobody waits for is read no longer than this, in milliseconds. */
const longestCopy = 30_000

/**
 * Sends copies of admitted requests to another service. Copies are made on the way and sent when the request
 * is whole; nothing about them reaches the caller: no delay, no failure, no answer.
 */
export class Mirror {
  readonly #options: MirrorOptions
  #underWay = 0

  constructor(options: MirrorOptions) {
    this.#options = options
  }

  get destination(): Destination {
    return this.#options.destination
  }

  get percent(): number {
    return this.#options.percent
  }

  /** Call when the request goes out and before its body is read. */
  copy(admitted: Admitted, framing: RequestFraming): void {
    const { percent, unsafeMethods, concurrency, maxBody, counts } = this.#options
    const { incoming } = admitted.routed
    if (!unsafeMethods && !safeMethods.has(incoming.method)) return
    if (Math.random() * 100 >= percent) return
    const isTooLong = framing.kind === 'length' && framing.length > maxBody
    if (isTooLong || this.#underWay >= concurrency) {
      counts.skipped += 1
      return
    }
    this.#underWay += 1
    if (framing.kind === 'none') this.#send(admitted, [])
    else if (admitted.proven !== undefined) this.#send(admitted, [admitted.proven.body])
    else this.#collect(admitted)
  }

  /** Copies the body's pieces as they pass, since their memory is freed behind us; they are neither awaited nor held back. */
  #collect(admitted: Admitted): void {
    const { request, life } = admitted.routed.incoming
    const pieces: Buffer[] = []
    let length = 0
    let isOpen = true
    const giveUp = (): void => {
      if (!isOpen) return
      isOpen = false
      pieces.length = 0
      this.#underWay -= 1
      this.#options.counts.skipped += 1
    }
    request.on('data', (piece) => {
      length += piece.length
      if (length > this.#options.maxBody || pieces.length >= mostPieces) giveUp()
      else if (isOpen) pieces.push(Buffer.from(piece))
    })
    request.on('end', () => {
      if (!isOpen) return
      isOpen = false
      this.#send(admitted, pieces)
    })
    life.onOver(giveUp)
  }

  #send(admitted: Admitted, pieces: readonly Buffer[]): void {
    const { destination, counts } = this.#options
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
    const framing: RequestFraming = length === 0 ? { kind: 'none' } : { kind: 'length', length }
    counts.sent += 1
    const end = (isWhole: boolean): void => {
      clearTimeout(timer)
      this.#underWay -= 1
      if (!isWhole) counts.failed += 1
    }
    const {
      acceptsEvents: _,
      totalTimeout: __,
      ...request
    } = outgoingRequest(admitted, framing, destination)
    const exchange: Exchange = destination.upstream.request(request, new Unheard(end))
    const timer = setTimeout(() => {
      exchange.abort()
      end(false)
    }, longestCopy).unref()
    for (const piece of pieces) exchange.write(piece)
    exchange.end()
  }
}

/** Reads an answer to its end and lets it fall. */
class Unheard implements ResponseSink {
  readonly #end: (isWhole: boolean) => void

  constructor(end: (isWhole: boolean) => void) {
    this.#end = end
  }

  onHead(): void {
    // Nobody asked.
  }

  onData(): boolean {
    return true
  }

  onEnd(): void {
    this.#end(true)
  }

  onFailure(): void {
    this.#end(false)
  }
}

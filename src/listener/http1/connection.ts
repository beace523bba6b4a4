import type { Duplex } from 'node:stream'
import { invariant } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import { RequestParser } from '../../http1/index.ts'
import type { RequestEvents, RequestHead } from '../../http1/index.ts'
import type { Left, Wire, WireUser } from '../../sockets/index.ts'
import { gatewayErrors, originForm } from '../../gateway/index.ts'
import type { Incoming, Peer } from '../../gateway/index.ts'
import { asksForWebSocket } from './handshake.ts'
import type { ConnectionHost } from './host.ts'
import { Intake } from './intake.ts'
import { Pace } from './pace.ts'
import { rawAnswer } from './raw-answer.ts'
import { Http1Request } from './request.ts'
import type { BodySource } from './request.ts'
import { Http1Response } from './response.ts'
import type { AnswerCarrier } from './response.ts'
import { surfacePair } from './surface.ts'

/** How long a caller has to read the last answer while it still sends, in milliseconds. */
const lingersFor = 2000
/** How long a caller that was refused has to go by itself, in milliseconds. */
const leavesWithin = 1000
/** What TLS says at the end needs room, which a caller that reads nothing never makes: so long it may take, in sweeps. */
const endsWithin = 5
/** After so many idle sweeps nothing of the requests before is kept. */
const forgetsAfter = 3

interface Exchange {
  readonly incoming: Incoming
  readonly request: Http1Request
  readonly response: Http1Response
}

/**
 * One HTTP/1.x connection from a caller. Requests are read, decided on and answered one after the other: what
 * follows a request waits, unparsed, until its answer has left.
 *
 * Invariant: behind an answer that ends the connection nothing is read (RFC 9112 9.6). What follows a request
 * that was refused for its framing may be its body.
 */
export class Http1Connection implements WireUser, RequestEvents, AnswerCarrier, BodySource {
  #wire: Wire
  readonly #peer: Peer
  readonly #host: ConnectionHost<Http1Connection>
  readonly #parser: RequestParser
  #current: Exchange | undefined
  /** Its answer was sent; what there is of its body is still read. */
  #isAnswered = false
  #isLastAnswer = false
  #isToldWhenSent = false
  readonly #intake = new Intake(this)
  #isParsing = false
  /** The caller has ended its side. */
  #hasEnded = false
  #isClosing = false
  /** What is said of bytes that are no request is not sent yet. */
  #isRefusing = false
  #isSurrendered = false
  /** Since which sweep a header or a request is waited for. */
  #since: number
  #isFresh = true
  readonly #pace = new Pace()

  constructor(wire: Wire, peer: Peer, host: ConnectionHost<Http1Connection>) {
    this.#wire = wire
    this.#peer = peer
    this.#host = host
    this.#since = host.tick
    this.#parser = new RequestParser(this, host.headerBytes, host.recent)
    wire.begin(this)
  }

  /** What could not leave is over when the connection closes, and nothing is read behind it. */
  readonly #onSent: Left = (error) => (error == null ? this.#over() : undefined)

  /** No request is under way, nor has one begun to arrive. */
  get isIdle(): boolean {
    if (this.#current !== undefined || this.#parser.isInHead) return false
    return !this.#isClosing && !this.#isSurrendered
  }

  get isInBody(): boolean {
    return this.#current?.request.complete === false
  }

  get isGone(): boolean {
    return this.#wire.isGone || this.#isClosing
  }

  get pending(): number {
    return this.#wire.pending
  }

  get isLast(): boolean {
    const { request } = this.#current ?? {}
    const mayGoOn = request?.section.persists === true
    const isBehindAll = this.#hasEnded && !this.#intake.hasAhead
    return !mayGoOn || this.#parser.hasFailed || this.#host.isDraining || isBehindAll
  }

  /** Ends a connection that carries nothing. A request that crosses that end was never begun with. */
  end(): void {
    this.#leave(false)
  }

  destroy(): void {
    this.#wire.destroy()
  }

  reset(): void {
    this.#wire.reset()
  }

  /** Whoever takes a body is slower than it comes. */
  pause(): void {
    this.#wire.pause()
    this.#wire.ease()
  }

  resume(): void {
    if (!this.#isSurrendered) this.#wire.resume()
  }

  became(wire: Wire): void {
    this.#wire = wire
  }

  drained(): void {
    this.#current?.response.drain()
  }

  read(memory: Buffer, length: number, lent: boolean): boolean {
    return this.#intake.read(memory, length, lent)
  }

  send(piece: string | Uint8Array, isLast = false): boolean {
    return this.#wire.write(piece, this.#told(isLast))
  }

  sendAll(pieces: readonly (string | Uint8Array)[], isLast: boolean): boolean {
    return this.#wire.writeAll(pieces, this.#told(isLast))
  }

  /** What is encrypted leaves later; what is not has left already, as nearly always, and no call is needed. */
  #told(isLast: boolean): Left | undefined {
    if (!isLast || !this.#peer.encrypted) return undefined
    this.#isToldWhenSent = true
    return this.#onSent
  }

  /** The whole answer was sent: the request is over as soon as it has left. */
  answered(isLast: boolean): void {
    this.#isLastAnswer = isLast
    if (this.#isToldWhenSent) return
    if (this.#wire.pending === 0) this.#over()
    else this.#wire.whenLeft(this.#onSent)
  }

  head(head: RequestHead, hasMore: boolean): void {
    this.#isFresh = false
    if (head.method === 'CONNECT') {
      this.#refuseBytes(gatewayErrors.refuse('method_not_supported'), head.method)
      return
    }
    const request = new Http1Request(head, this)
    const { section } = head
    const { host: authority = '', expect } = section.headers
    const expectsContinue = section.isCurrent && expect?.toLowerCase() === '100-continue'
    const isHead = head.method === 'HEAD'
    const { keepAliveLines } = this.#host
    const response = new Http1Response(this, {
      keepAliveLines,
      isCurrent: section.isCurrent,
      isHead,
      expectsContinue,
    })
    const scheme = this.#peer.encrypted ? 'https' : 'http'
    if (!request.url.startsWith('/')) request.url = originForm(request.url, scheme, authority)
    const incoming = this.#host.reception.arrive({
      request,
      response,
      protocol: 'http/1.1',
      peer: this.#peer,
      authority,
      upgrade: asksForWebSocket(head) ? { hasMore, take: this.#surrender } : undefined,
      expectsContinue,
      flaw: section.flaw === undefined ? undefined : malformed(section.flaw),
    })
    this.#current = { incoming, request, response }
    this.#isAnswered = false
    this.#isToldWhenSent = false
    this.#host.inFlight += 1
    this.#host.reception.serve(incoming, this.#ownPair)
  }

  body(view: Buffer): void {
    const isSole = this.#intake.isSole(view)
    this.#current?.request.deliver(this.#intake.own(view), isSole)
  }

  /** The request is whole. */
  whole(trailers: readonly string[]): void {
    this.#current?.request.finish(trailers)
  }

  /** Within a body that is the end of its request; otherwise there is no request to speak of. */
  failed(kind: 'malformed' | 'too_large', detail: string): void {
    const isLarge = kind === 'too_large'
    this.#breakOff(isLarge ? gatewayErrors.refuse('headers_too_large') : malformed(detail))
  }

  /** To be called about once a second. @param looks - also for callers that are too slow. */
  sweep(looks: boolean): void {
    if (this.#isSurrendered) return
    const waited = this.#host.tick - this.#since
    const { request } = this.#current ?? {}
    if (this.#isClosing) {
      if (waited > endsWithin && !this.#isRefusing) this.destroy()
    } else if (looks && this.#pace.look(this.#wire, request) >= this.#host.stalledSweeps)
      this.destroy()
    else if (this.#current === undefined) this.#sweepBetween(waited)
    // The rest of a body that nobody wanted, or a caller that may have gone unnoticed.
    else if (waited > this.#host.idleSweeps && (this.#isAnswered || this.#intake.isFull)) {
      this.destroy()
    }
  }

  #sweepBetween(waited: number): void {
    if (this.#isFresh || this.#parser.isInHead) {
      if (waited <= this.#host.headerSweeps) return
      this.#refuseBytes(gatewayErrors.refuse('request_timeout'))
    } else if (waited > this.#host.idleSweeps) this.end()
    else if (waited === forgetsAfter) this.#parser.forget()
  }

  take(chunk: Buffer): void {
    if (this.#isClosing) return
    const { request } = this.#current ?? {}
    const isBetween = request === undefined && !this.#isFresh && !this.#parser.isInHead
    if (isBetween) this.#since = this.#host.tick
    if (request?.complete === true) this.#intake.keep(chunk, this.#wire)
    else this.#parse(chunk)
  }

  #parse(bytes: Buffer): void {
    let left: Buffer | undefined = bytes
    while (left !== undefined && !this.#isClosing && !this.#isSurrendered) {
      this.#isParsing = true
      const taken: number = this.#parser.feed(left)
      this.#isParsing = false
      left = taken < left.length ? left.subarray(taken) : undefined
      if (!this.#goOn()) break
    }
    if (left !== undefined && !this.#isClosing) this.#intake.keep(left, this.#wire)
  }

  /** @returns whether the next request may be read. */
  #goOn(): boolean {
    const current = this.#current
    if (current === undefined) return !this.#parser.hasFailed
    if (!this.#isAnswered || !current.request.complete) return false
    this.#current = undefined
    const isBehindAll = !this.#intake.hasAhead
    if (this.#isLastAnswer || (this.#hasEnded && isBehindAll)) {
      // More may still come: of what nobody could read on from, or of who could not know that this is the last.
      const isExpected = this.#hasEnded || !current.request.section.persists
      this.#leave(isBehindAll && isExpected && !this.#parser.hasFailed)
      return false
    }
    this.#since = this.#host.tick
    this.#parser.next()
    // It may wait with a body that nobody read.
    if (this.#wire.isPaused) this.#wire.resume()
    return true
  }

  /** The answer has left. */
  #over(): void {
    const current = this.#current
    if (current === undefined || this.#isAnswered) return
    this.#isAnswered = true
    this.#finish(current)
    if (!current.request.complete) {
      this.#since = this.#host.tick
      if (this.#isLastAnswer || this.#parser.hasFailed) this.#leave(false)
      else current.request.discard()
    }
    if (this.#isParsing || !this.#goOn()) return
    const ahead = this.#intake.takeAhead()
    if (ahead === undefined) return
    this.#parse(ahead)
    if (this.#hasEnded) this.ended()
  }

  #finish({ incoming, response }: Exchange): void {
    this.#host.inFlight -= 1
    response.close()
    incoming.life.end()
  }

  #close(): void {
    this.#isClosing = true
    this.#since = this.#host.tick
  }

  /**
   * Ends the connection so that its last answer is read (RFC 9112 9.6). The system resets a connection that is
   * closed with something unread, and a caller that is still sending hears of the reset before it has read the
   * answer. So what still comes is read to nowhere, for a while.
   */
  #leave(isRead: boolean): void {
    this.#close()
    this.#parser.stop()
    this.#intake.takeAhead()
    if (isRead) {
      this.#wire.finish()
      return
    }
    this.#wire.end()
    setTimeout(() => this.destroy(), lingersFor).unref()
  }

  ended(): void {
    this.#hasEnded = true
    if (this.#isClosing) {
      if (!this.#isRefusing) this.#wire.finish()
      return
    }
    const current = this.#current
    if (current === undefined) {
      if (!this.#parser.isInHead) this.#leave(true)
      else this.#refuseBytes(malformed('the connection ended within a header'))
    } else if (!current.request.complete) {
      this.#breakOff(malformed('the connection ended within a body'))
      this.#parser.stop()
    } else if (!this.#host.halfClose || current.incoming.upgrade !== undefined) {
      this.#wire.finish()
    }
  }

  #breakOff(refusal: Refusal): void {
    const current = this.#current
    if (current === undefined) {
      this.#refuseBytes(refusal)
      return
    }
    current.request.fail(refusal.detail ?? refusal.code)
    current.incoming.life.breakOff(refusal)
    if (this.#isAnswered) this.#leave(false)
  }

  /** There is no request, but there is a decision to record. */
  #refuseBytes(refusal: Refusal, method?: string): void {
    this.#isClosing = true
    this.#isRefusing = true
    this.#parser.stop()
    void this.#host.reception.refuseBytes(refusal, this.#peer, method).then((requestId) => {
      this.#isRefusing = false
      this.#close()
      if (this.#wire.isGone) return
      this.#wire.write(Buffer.from(rawAnswer(refusal, requestId)))
      this.#wire.end()
      setTimeout(() => this.destroy(), leavesWithin).unref()
    })
  }

  /** From now on the socket is somebody else's; when it closes, the request is over. */
  readonly #surrender = (): Duplex => {
    this.#isSurrendered = true
    this.#parser.stop()
    return this.#wire.giveAway(this.#intake.takeAhead())
  }

  readonly #ownPair = (): ReturnType<typeof surfacePair> => {
    const current = this.#current
    invariant(current !== undefined, 'a page answers a request')
    const answered = (isLast: boolean): void => this.answered(isLast || this.isLast)
    return surfacePair(this.#wire.socket(), current, { isLast: this.isLast, answered })
  }

  closed(): void {
    const current = this.#current
    this.#close()
    this.#parser.stop()
    this.#host.closed(this)
    if (current === undefined) return
    current.request.fail('the caller went away')
    if (!this.#isAnswered) this.#finish(current)
    this.#isAnswered = true
  }
}

function malformed(detail: string): Refusal {
  return gatewayErrors.refuse('malformed', detail)
}

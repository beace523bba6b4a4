import { invariant } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import {
  answeredHeaders,
  answeredTrailers,
  informationalHeaders,
  outgoingTrailers,
  passedHeaders,
} from './headers.ts'
import { editAnswered } from '../rewrite/answered.ts'
import { withoutEdited } from '../rewrite/header-edits.ts'
import { Departing, fillsMemory } from './departing.ts'
import { framingOfBytes, outgoingRequest } from './outgoing.ts'
import { gatewayErrors } from '../errors.ts'
import type { CallerResponse, Incoming } from '../incoming/incoming.ts'
import type { LiveExchanges } from '../live/live-exchanges.ts'
import { OpenExchange } from '../live/open-exchange.ts'
import type { Bond, Ending } from '../live/open-exchange.ts'
import { bodyLength } from '../incoming/screen.ts'
import type { Admitted } from '../stages.ts'
import { isEventStream, refuseFailure } from '../../upstream/index.ts'
import type {
  Exchange,
  RequestFraming,
  ResponseHead,
  ResponseSink,
  UpstreamFailure,
} from '../../upstream/index.ts'

/** Answers a failure that came before the upstream's answer began. */
export type Fail = (refusal: Refusal) => void

/** Sends an admitted request to its upstream and streams the answer back, with back-pressure both ways. */
export function forward(admitted: Admitted, live: LiveExchanges, fail: Fail): void {
  const { incoming, route } = admitted.routed
  const { proven } = admitted
  const framing = proven === undefined ? framingOf(incoming) : framingOfBytes(proven.body)
  const answer = new Answer(admitted, fail)
  live.enter(answer)
  const { upstream } = admitted.destination
  const exchange = upstream.request(outgoingRequest(admitted, framing), answer)
  answer.exchange = exchange
  if (incoming.expectsContinue && proven === undefined) incoming.response.writeContinue()
  route.mirror?.copy(admitted, framing)
  if (framing.kind === 'none') exchange.end()
  else if (proven !== undefined) sendWhole(proven.body, exchange, answer)
  else sendBody(admitted, exchange, answer)
  incoming.life.onOver(() => {
    live.leave(answer)
    if (!answer.isWhole) exchange.abort()
  })
  incoming.life.onBroken((refusal) => {
    exchange.abort()
    answer.refuse(refusal)
  })
}

function framingOf(incoming: Incoming): RequestFraming {
  const { chunked, length } = bodyLength(incoming.request)
  if (chunked) return { kind: 'chunked' }
  return length > 0 ? { kind: 'length', length } : { kind: 'none' }
}

/** Invariant: nothing is read from the caller any more, so what was hashed is all that leaves. */
function sendWhole(body: Buffer, exchange: Exchange, answer: Answer): void {
  answer.moved += body.length
  exchange.write(body)
  exchange.end()
}

function sendBody(admitted: Admitted, exchange: Exchange, answer: Answer): void {
  const { incoming, route } = admitted.routed
  const { request } = incoming
  const departing = new Departing()
  let length = 0
  exchange.onDrain(() => {
    if (exchange.hasLeft) departing.haveLeft()
    request.resume()
  })
  request.on('data', (chunk: Buffer, isSole?: boolean) => {
    length += chunk.length
    answer.moved += chunk.length
    if (length > route.maxBody) {
      request.pause()
      exchange.abort()
      answer.refuse(gatewayErrors.refuse('body_too_large'))
      return
    }
    if (!exchange.write(chunk)) request.pause()
    if (isSole === true || fillsMemory(chunk)) departing.add(chunk)
    if (exchange.hasLeft) departing.haveLeft()
  })
  request.on('end', () => {
    const trailers = outgoingTrailers(request.rawTrailers)
    exchange.end(withoutEdited(trailers, route.headers?.request))
  })
  request.on('error', () => exchange.abort())
}

const shortBody = 8 * 1024

/** Carries one upstream answer to the caller. */
class Answer extends OpenExchange implements ResponseSink {
  readonly #incoming: Incoming
  readonly #response: CallerResponse
  readonly #fail: Fail
  exchange: Exchange | undefined
  /** All of it has come from the service: nothing is left to be given up. */
  isWhole = false
  #head: ResponseHead | undefined
  /** A body of known length ends with its last piece; behind others there may be trailers. */
  #endsWithBody = false
  #refused = false
  #departing: Departing | undefined

  constructor(admitted: Admitted, fail: Fail) {
    super(admitted)
    const { incoming } = admitted.routed
    this.#incoming = incoming
    this.#response = incoming.response
    this.#fail = fail
    this.#response.on('drain', () => {
      if (this.#response.writableLength === 0) this.#departing?.haveLeft()
      this.exchange?.resume()
    })
  }

  get bond(): Bond {
    const framing = this.#head?.framing
    return framing === 'chunked' || framing === 'close' ? 'stream' : 'answer'
  }

  get isLasting(): boolean {
    return this.bond === 'stream' && this.#head !== undefined && isEventStream(this.#head)
  }

  takeUse(): boolean {
    return false
  }

  close(ending: Ending): void {
    this.exchange?.abort()
    if (this.#head === undefined) this.refuse(gatewayErrors.refuse('access_ended', ending))
    // Each event is whole by itself; anything else would look complete when it is not.
    else if (gentle.has(ending) && this.isLasting) this.#response.end()
    else this.#response.destroy()
  }

  refuse(refusal: Refusal): void {
    if (this.#refused) return
    this.#refused = true
    this.#fail(refusal)
  }

  onHead(head: ResponseHead, isRepeated = false): void {
    const response = this.#response
    this.#head = head
    response.sendDate = false
    this.#endsWithBody = head.framing === 'length'
    try {
      this.#writeHead(head, isRepeated)
    } catch {
      // What the runtime will not send ends this one answer, never the process.
      this.exchange?.abort()
      response.destroy()
      return
    }
    if (head.framing !== 'none' && head.framing !== 'length') response.flushHeaders()
  }

  #writeHead(head: ResponseHead, isRepeated: boolean): void {
    const { route } = this.admitted.routed
    const isEdited = route.cors !== undefined || route.headers?.response !== undefined
    const isBare = head.framing === 'none' && this.#response.endWithHead !== undefined
    if (isEdited || isBare || !isRepeated) {
      const own = this.#withOwn(answeredHeaders(head.headers), isEdited)
      if (isBare) this.#response.endWithHead?.(head.status, own)
      else this.#response.writeHead(head.status, head.statusText, own)
    } else {
      const own = this.#withOwn([], false)
      this.#response.writeHead(head.status, head.statusText, passedHeaders(head.headers), own)
    }
  }

  /** Adds what we say ourselves. */
  #withOwn(headers: string[], isEdited: boolean): string[] {
    headers.push('x-request-id', this.#incoming.requestId)
    const own = isEdited ? editAnswered(headers, this.admitted) : headers
    // A body nobody will read to its end: the connection is not used again.
    if (!this.#incoming.request.complete && hasBody(this.#incoming)) own.push('connection', 'close')
    return own
  }

  /** `100` is ours to say (RFC 9110 10.1.1), and HTTP/1.0 knows none (15.2). */
  onInformational(status: number, headers: readonly string[]): void {
    const { request, response } = this.#incoming
    const isOld = request.httpVersionMajor === 1 && request.httpVersionMinor === 0
    if (status === 100 || isOld || response.headersSent || response.destroyed) return
    const edits = this.admitted.routed.route.headers?.response
    try {
      response.writeInformation(status, withoutEdited(informationalHeaders(headers), edits))
    } catch {
      // What the runtime will not send is left out: it is a hint.
    }
  }

  onData(chunk: Buffer, last: boolean, isSole: boolean): boolean {
    this.moved += chunk.length
    if (!last || !this.#endsWithBody) return this.#pass(chunk, isSole)
    this.isWhole = true
    // A short body goes out as text, which the runtime joins with the header into one write.
    if (chunk.length <= shortBody) this.#response.end(chunk.toString('latin1'), 'latin1')
    else this.#response.end(chunk)
    return true
  }

  onText(body: string): void {
    this.isWhole = true
    this.moved += body.length
    this.isWhole = true
    // As text, which is joined with the header into one write.
    this.#response.end(body, 'latin1')
  }

  /** @returns whether the caller keeps up: what came before this piece has left. */
  #pass(chunk: Buffer, isSole: boolean): boolean {
    const response = this.#response
    const keepsUp = response.writableLength === 0 && !response.destroyed
    if (keepsUp) this.#departing?.haveLeft()
    if (isSole || fillsMemory(chunk)) (this.#departing ??= new Departing()).add(chunk)
    return response.write(chunk) || keepsUp
  }

  onEnd(received: readonly string[]): void {
    this.isWhole = true
    if (this.#response.writableEnded) return
    const { headers } = this.admitted.routed.route
    const trailers = withoutEdited(answeredTrailers(received), headers?.response)
    if (trailers.length > 0 && this.#response.chunkedEncoding) {
      this.#response.addTrailers(pairs(trailers))
    }
    this.#response.end()
  }

  /** Invariant: an answer that was cut short is cut short for the caller too, never ended as if whole. */
  onFailure(failure: UpstreamFailure): void {
    if (this.#head !== undefined) this.#response.destroy()
    else this.refuse(refuseFailure(failure))
  }
}

/** Nobody lost a right to read what is on its way. */
const gentle: ReadonlySet<Ending> = new Set<Ending>(['too_old', 'idle', 'draining'])

function hasBody(incoming: Incoming): boolean {
  const { chunked, length } = bodyLength(incoming.request)
  return chunked || length > 0
}

function pairs(flat: readonly string[]): [string, string][] {
  invariant(flat.length % 2 === 0, 'names and values come in pairs')
  const out: [string, string][] = []
  for (let at = 0; at < flat.length; at += 2) out.push([flat[at] ?? '', flat[at + 1] ?? ''])
  return out
}

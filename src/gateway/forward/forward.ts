import { invariant } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import { answeredHeaders, outgoingTrailers } from './headers.ts'
import { editAnswered } from '../rewrite/answered.ts'
import { outgoingRequest } from './outgoing.ts'
import { gatewayErrors } from '../errors.ts'
import type { CallerResponse, Incoming } from '../incoming.ts'
import { bodyLength } from '../listen/screen.ts'
import type { Admitted } from '../stages.ts'
import { refuseFailure } from '../../upstream/index.ts'
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
export function forward(admitted: Admitted, fail: Fail): void {
  const { incoming, route } = admitted.routed
  const framing = framingOf(incoming)
  const answer = new Answer(admitted, fail)
  const { upstream } = admitted.destination
  const exchange = upstream.request(outgoingRequest(admitted, framing), answer)
  answer.exchange = exchange
  if (incoming.expectsContinue) incoming.response.writeContinue()
  route.mirror?.copy(admitted, framing)
  if (framing.kind === 'none') exchange.end()
  else sendBody(admitted, exchange, (refusal) => answer.refuse(refusal))
  incoming.life.onOver(() => exchange.abort())
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

function sendBody(admitted: Admitted, exchange: Exchange, refuse: Fail): void {
  const { incoming, route } = admitted.routed
  const { request } = incoming
  let length = 0
  exchange.onDrain(() => request.resume())
  request.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length > route.maxBody) {
      request.pause()
      exchange.abort()
      refuse(gatewayErrors.refuse('body_too_large'))
    } else if (!exchange.write(chunk)) {
      request.pause()
    }
  })
  request.on('end', () => exchange.end(outgoingTrailers(request.rawTrailers)))
  request.on('error', () => exchange.abort())
}

const shortBody = 8 * 1024

/** Carries one upstream answer to the caller. */
class Answer implements ResponseSink {
  readonly #admitted: Admitted
  readonly #incoming: Incoming
  readonly #response: CallerResponse
  readonly #fail: Fail
  exchange: Exchange | undefined
  #begun = false
  /** A body of known length ends with its last piece; behind others there may be trailers. */
  #endsWithBody = false
  #refused = false

  constructor(admitted: Admitted, fail: Fail) {
    const { incoming } = admitted.routed
    this.#admitted = admitted
    this.#incoming = incoming
    this.#response = incoming.response
    this.#fail = fail
    this.#response.on('drain', () => this.exchange?.resume())
  }

  refuse(refusal: Refusal): void {
    if (this.#refused) return
    this.#refused = true
    this.#fail(refusal)
  }

  onHead(head: ResponseHead): void {
    const response = this.#response
    this.#begun = true
    const { route } = this.#admitted.routed
    const own = answeredHeaders(head.headers, this.#incoming.requestId)
    const isEdited = route.cors !== undefined || route.headers?.response !== undefined
    const headers = isEdited ? editAnswered(own, this.#admitted) : own
    // A body nobody will read to its end: the connection is not used again.
    if (!this.#incoming.request.complete && hasBody(this.#incoming))
      headers.push('connection', 'close')
    response.sendDate = false
    this.#endsWithBody = head.framing === 'length'
    try {
      response.writeHead(head.status, head.statusText, headers)
    } catch {
      // What the runtime will not send ends this one answer, never the process.
      this.exchange?.abort()
      response.destroy()
      return
    }
    if (head.framing !== 'none' && head.framing !== 'length') response.flushHeaders()
  }

  onData(chunk: Buffer, last: boolean): boolean {
    if (!last || !this.#endsWithBody) return this.#response.write(chunk)
    // A short body goes out as text, which the runtime joins with the header into one write.
    if (chunk.length <= shortBody) this.#response.end(chunk.toString('latin1'), 'latin1')
    else this.#response.end(chunk)
    return true
  }

  onEnd(trailers: readonly string[]): void {
    if (this.#response.writableEnded) return
    if (trailers.length > 0 && this.#response.chunkedEncoding) {
      this.#response.addTrailers(pairs(trailers))
    }
    this.#response.end()
  }

  /** Invariant: an answer that was cut short is cut short for the caller too, never ended as if whole. */
  onFailure(failure: UpstreamFailure): void {
    if (this.#begun) this.#response.destroy()
    else this.refuse(refuseFailure(failure))
  }
}

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

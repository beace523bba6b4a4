import { invariant } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import { answeredHeaders, outgoingHeaders, outgoingTrailers } from './headers.ts'
import { gatewayErrors } from '../errors.ts'
import type { CallerResponse, Incoming } from '../incoming.ts'
import { bodyLength } from '../listen/screen.ts'
import type { Admitted } from '../stages.ts'
import { refuseFailure } from '../../upstream/index.ts'
import type {
  Exchange,
  OutgoingRequest,
  RequestFraming,
  ResponseHead,
  ResponseSink,
  UpstreamFailure,
} from '../../upstream/index.ts'

/** Answers a failure that came before the upstream's answer began. */
export type Fail = (refusal: Refusal) => void

/** Sends an admitted request to its upstream and streams the answer back, with back-pressure both ways. */
export function forward(admitted: Admitted, fail: Fail): void {
  const { incoming, api } = admitted.routed
  const framing = framingOf(incoming)
  const answer = new Answer(incoming, fail)
  const exchange = api.upstream.request(outgoingRequest(admitted, framing), answer)
  answer.exchange = exchange
  if (incoming.expectsContinue) incoming.response.writeContinue()
  if (framing.kind === 'none') exchange.end()
  else sendBody(admitted, exchange, (refusal) => answer.refuse(refusal))
  incoming.life.onOver(() => exchange.abort())
  incoming.life.onBroken((refusal) => {
    exchange.abort()
    answer.refuse(refusal)
  })
}

/** What is sent: the canonical target that was decided on, byte for byte. */
export function outgoingRequest<Framing extends RequestFraming>(
  admitted: Admitted,
  framing: Framing,
): OutgoingRequest & { readonly framing: Framing } {
  const { incoming, api, route, target, table } = admitted.routed
  const isOpen = route.authorizer.kind === 'open'
  const streams = (incoming.request.headers.accept ?? '').includes('text/event-stream')
  return {
    method: incoming.method,
    target: target.query === '' ? target.path : `${target.path}?${target.query}`,
    headers: outgoingHeaders(incoming, {
      upstreamAuthority: api.upstreamAuthority,
      origin: {
        scheme: api.secure ? 'https' : 'http',
        authority: incoming.authority,
      },
      assertion: isOpen ? undefined : table.minter.mint(admitted.principal, api.upstreamName),
      keepsCredential: isOpen,
    }),
    framing,
    caller: isOpen ? incoming.address : admitted.principal.key,
    headersTimeout: route.timeout,
    ...(streams ? { idleTimeout: Infinity as typeof route.timeout } : {}),
  }
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
  readonly #incoming: Incoming
  readonly #response: CallerResponse
  readonly #fail: Fail
  exchange: Exchange | undefined
  #begun = false
  /** A body of known length ends with its last piece; behind others there may be trailers. */
  #endsWithBody = false
  #refused = false

  constructor(incoming: Incoming, fail: Fail) {
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
    const headers = answeredHeaders(head.headers, this.#incoming.requestId)
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

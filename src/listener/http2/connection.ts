import type { Duplex } from 'node:stream'
import type { Refusal } from '../../core/index.ts'
import { ErrorCode, ServerConnection } from '../../http2/index.ts'
import type { FieldList, ServerEvents, Stream } from '../../http2/index.ts'
import { gatewayErrors } from '../../gateway/index.ts'
import type { ListenerLimits } from '../listener.ts'
import type { Peer, Reception } from '../../gateway/index.ts'
import { Http2Exchange } from './exchange.ts'
import { readFields, unreadFields } from './fields.ts'
import { SlowStreams } from './slow-streams.ts'
import { surfacePair } from './surface.ts'

const mostStreams = 100
/** How long a caller has for what it was just about to ask when the connection ends, in milliseconds. */
const lastRequests = 500

/** One HTTP/2 connection from a caller, and the requests on it. */
export class Http2Connection implements ServerEvents {
  readonly #reception: Reception
  readonly #limits: ListenerLimits
  readonly #peer: Peer
  readonly #onClose: () => void
  /** Requests of all connections together, which is asked for at each of them. */
  readonly #total: { inFlight: number }
  readonly #connection: ServerConnection
  readonly #slow: SlowStreams
  readonly #openedAt = now()
  /** Since when nothing was asked for, in milliseconds of `now`. */
  #idleSince = now()
  #announcedAt = 0
  #served = false
  /** The header section that is not whole: which one, and since when it has been coming. */
  #section = { number: -1, since: 0 }

  constructor(
    socket: Duplex,
    options: {
      readonly peer: Peer
      readonly reception: Reception
      readonly limits: ListenerLimits
      readonly onClose: () => void
      readonly total: { inFlight: number }
    },
  ) {
    const { limits } = options
    this.#reception = options.reception
    this.#limits = limits
    this.#peer = options.peer
    this.#onClose = options.onClose
    this.#total = options.total
    this.#slow = new SlowStreams(limits.requestIdle)
    const { headerBytes } = limits
    this.#connection = new ServerConnection(socket, { headerBytes, streams: mostStreams }, this)
  }

  /** Takes no new requests and ends when those under way are over (RFC 9113 6.8). */
  close(): void {
    this.#announcedAt = now()
    this.#connection.announceEnd()
  }

  /** Cuts off what is under way. */
  destroy(): void {
    this.#connection.end(ErrorCode.cancel)
  }

  /** Ends what idles, and what holds resources without moving. To be called about once a second. */
  sweep(): void {
    const connection = this.#connection
    const at = now()
    if (connection.state === 'over') return
    if (this.#stallsInHeaders(at)) {
      this.#fail(ErrorCode.enhanceYourCalm, gatewayErrors.refuse('request_timeout'))
      return
    }
    // RFC 9113 6.5.3.
    if (!connection.isAcknowledged && at - this.#openedAt > this.#limits.requestHeaderTimeout) {
      const refusal = gatewayErrors.refuse('request_timeout', 'settings without an answer')
      this.#fail(ErrorCode.settingsTimeout, refusal)
      return
    }
    this.#slow.sweep(at, connection.streams.values())
    if (connection.state === 'leaving' && at - this.#announcedAt >= lastRequests) connection.leave()
    if (connection.streams.size > 0 || connection.isInHeaders) this.#idleSince = at
    const patience = this.#served ? this.#limits.keepAlive : this.#limits.requestHeaderTimeout
    if (connection.state === 'open' && at - this.#idleSince > patience) this.close()
  }

  onFields(stream: Stream, list: FieldList): string | undefined {
    const fields = list.tooLarge ? unreadFields() : readFields(list.fields)
    if (typeof fields === 'string') return fields
    stream.declared = fields.declared
    stream.user = new Http2Exchange(stream, fields)
    return undefined
  }

  onRequest(stream: Stream): void {
    const exchange = stream.user
    if (!(exchange instanceof Http2Exchange)) return
    const { request, response, fields } = exchange
    this.#served = true
    const incoming = this.#reception.arrive({
      request,
      response,
      protocol: 'h2',
      peer: this.#peer,
      authority: fields.authority,
      upgrade: undefined,
      expectsContinue: fields.headers.expect?.toLowerCase() === '100-continue',
      flaw: fields.flaw,
    })
    exchange.life = incoming.life
    exchange.total = this.#total
    this.#total.inFlight += 1
    this.#reception.serve(incoming, () => surfacePair(exchange, this.#peer))
  }

  onRejected(detail: string): void {
    void this.#reception.refuseBytes(gatewayErrors.refuse('malformed', detail), this.#peer)
  }

  onFailed(detail: string): void {
    this.onRejected(detail)
  }

  onClosed(): void {
    this.#onClose()
  }

  #stallsInHeaders(at: number): boolean {
    const { isInHeaders, sections } = this.#connection
    const { number, since } = this.#section
    if (isInHeaders && number === sections) return at - since > this.#limits.requestHeaderTimeout
    this.#section = { number: isInHeaders ? sections : -1, since: at }
    return false
  }

  #fail(code: number, refusal: Refusal): void {
    this.#connection.end(code)
    void this.#reception.refuseBytes(refusal, this.#peer)
  }
}

function now(): number {
  return performance.now()
}

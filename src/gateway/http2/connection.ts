import { Http2ServerRequest, Http2ServerResponse, performServerHandshake } from 'node:http2'
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Refusal } from '../../core/index.ts'
import { gatewayErrors } from '../errors.ts'
import type { ListenerLimits } from '../listen/listener.ts'
import type { Peer } from '../listen/peer.ts'
import type { Reception, SurfacePair } from '../listen/reception.ts'
import { readFields } from './fields.ts'
import type { RequestFields } from './fields.ts'
import { errorCode } from './frames.ts'
import { Guard } from './guard.ts'
import { Http2Request } from './request.ts'
import { Http2Response } from './response.ts'
import { SlowStreams } from './slow-streams.ts'
import { Traffic } from './traffic.ts'

const mostStreams = 100
/** How long a caller has to read the last of a connection. */
const lingersFor = 1000
/** What a field counts at least against the limit of a header section (RFC 9113 6.5.2). */
const leastPerField = 32

/** One HTTP/2 connection from a caller, and the requests on it. */
export class Http2Connection {
  readonly #reception: Reception
  readonly #limits: ListenerLimits
  readonly #peer: Peer
  readonly #traffic: Traffic
  readonly #guard: Guard
  readonly #session: ServerHttp2Session
  readonly #slow: SlowStreams
  /** Since when nothing was asked for, in milliseconds of `now`. */
  #idleSince: number
  #served = false
  #failed = false
  readonly #total: { inFlight: number }

  constructor(
    socket: Duplex,
    options: {
      readonly peer: Peer
      readonly reception: Reception
      readonly limits: ListenerLimits
      readonly onClose: () => void
      /** Requests of all connections together, which is asked for at each of them. */
      readonly total: { inFlight: number }
    },
  ) {
    const { limits } = options
    this.#total = options.total
    this.#reception = options.reception
    this.#limits = limits
    this.#peer = options.peer
    this.#idleSince = now()
    this.#slow = new SlowStreams(limits.requestIdle)
    this.#traffic = new Traffic(
      { headerBytes: limits.headerBytes, mostAtOnce: mostStreams, now },
      {
        onFlood: (what) => this.#fail(gatewayErrors.refuse('malformed', `a flood of ${what}`)),
        onRejected: (_stream, code) => this.#rejected(code),
      },
    )
    this.#guard = new Guard(socket, this.#traffic)
    this.#session = performServerHandshake(this.#guard, sessionOptions(limits))
    this.#session.on('stream', (stream, _headers, _flags, fields) => this.#begin(stream, fields))
    this.#session.on('error', (error: NodeJS.ErrnoException) => this.#sessionFailed(error))
    // The other side gives up, for reasons of its own.
    this.#session.on('goaway', (code) => {
      if (code !== errorCode.noError) this.#failed = true
    })
    this.#session.once('close', options.onClose)
  }

  /** Takes no new requests and ends when those under way are over (RFC 9113 6.8). */
  close(): void {
    if (!this.#session.closed) this.#session.close()
  }

  /** Cuts off what is under way. */
  destroy(): void {
    this.#failed = true
    this.#session.destroy(new Error('the connection is closed'), errorCode.cancel)
    this.#letGo()
  }

  /** Ends what idles, and what holds resources without moving. To be called about once a second. */
  sweep(): void {
    const at = now()
    const { blockSince } = this.#traffic
    if (this.#session.destroyed) {
      this.#letGo()
      return
    }
    if (blockSince !== undefined && at - blockSince > this.#limits.requestHeaderTimeout) {
      this.#fail(gatewayErrors.refuse('request_timeout'))
      return
    }
    this.#slow.sweep(at)
    if (this.#slow.size > 0) this.#idleSince = at
    const patience = this.#served ? this.#limits.keepAlive : this.#limits.requestHeaderTimeout
    if (at - this.#idleSince <= patience) return
    if (this.#session.closed) this.destroy()
    else this.close()
    this.#idleSince = at
  }

  #begin(stream: ServerHttp2Stream, list: readonly string[]): void {
    // Without a listener an error of one stream would end the process.
    stream.on('error', () => undefined)
    const { id = 0 } = stream
    const traffic = this.#traffic.streams.get(id)
    stream.once('close', () => this.#traffic.streams.delete(id))
    if (stream.destroyed || stream.closed || traffic === undefined) {
      // Reset before its turn came: nothing was decided, and nobody waits for an answer.
      this.#traffic.streams.delete(id)
      stream.close(errorCode.protocolError)
      return
    }
    traffic.begun = true
    this.#served = true
    // Read to its end, it makes room for another as soon as its answer has left.
    if (stream.endAfterHeaders) stream.resume()
    const fields = readFields(list, traffic.fields)
    const request = new Http2Request(stream, traffic, fields)
    const response = new Http2Response(stream, request)
    stream.once('aborted', () => request.discard())
    this.#slow.watch(stream, traffic)
    this.#serve(stream, { request, response, fields })
  }

  #serve(stream: ServerHttp2Stream, { request, response, fields }: Exchanged): void {
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
    this.#total.inFlight += 1
    incoming.life.onOver(() => {
      this.#total.inFlight -= 1
    })
    stream.once('close', () => incoming.life.end())
    this.#reception.serve(incoming, () => surfacePair(stream, { request, response }))
  }

  /** The runtime did not make a request of it. */
  #rejected(code: number): void {
    // Too many at once: it was not looked at, and the caller is told to come again.
    if (code === errorCode.refusedStream) return
    const refusal =
      code === errorCode.enhanceYourCalm
        ? gatewayErrors.refuse('headers_too_large')
        : gatewayErrors.refuse('malformed', `HTTP/2 error ${code}`)
    void this.#reception.refuseBytes(refusal, this.#peer)
  }

  #sessionFailed(error: NodeJS.ErrnoException): void {
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return
    this.#record(gatewayErrors.refuse('malformed', error.code))
  }

  /** Ends the connection and everything on it. */
  #fail(refusal: Refusal): void {
    this.#guard.shut()
    this.#record(refusal)
    // After the piece that is being judged: the runtime may be in the middle of writing.
    setImmediate(() => this.#session.destroy(new Error(refusal.code), errorCode.enhanceYourCalm))
    this.#letGo()
  }

  /** A caller that reads nothing would keep even a session that was destroyed: it waits for its last write. */
  #letGo(): void {
    setTimeout(() => this.#guard.destroy(), lingersFor).unref()
  }

  /** At most one record for all that is wrong with a connection as a whole. */
  #record(refusal: Refusal): void {
    if (this.#failed) return
    this.#failed = true
    void this.#reception.refuseBytes(refusal, this.#peer)
  }
}

interface Exchanged {
  readonly request: Http2Request
  readonly response: Http2Response
  readonly fields: RequestFields
}

function now(): number {
  return performance.now()
}

function sessionOptions(
  limits: ListenerLimits,
): Parameters<typeof performServerHandshake>[1] & { strictSingleValueFields: boolean } {
  return {
    settings: {
      maxConcurrentStreams: mostStreams,
      maxHeaderListSize: limits.headerBytes,
      enablePush: false,
    },
    // Lines are counted by `checkFraming`; beyond this the runtime resets the stream.
    maxHeaderListPairs: Math.ceil(limits.headerBytes / leastPerField),
    maxSessionInvalidFrames: mostStreams,
    maxSessionRejectedStreams: mostStreams,
    maxSessionMemory: 10,
    strictFieldWhitespaceValidation: true,
    // As over HTTP/1.1: a second line of such a field in an answer is the service's to judge.
    strictSingleValueFields: false,
  }
}

/** What Koa and our pages take for the objects of HTTP/1.1. */
function surfacePair(
  stream: ServerHttp2Stream,
  { request, response }: Pick<Exchanged, 'request' | 'response'>,
): SurfacePair {
  const headers: IncomingHttpHeaders = { ...request.headers, ':method': request.method }
  headers[':path'] = request.url
  // Koa and its like see by the lines of HTTP/1.1 that there is a body.
  const isUndeclared = request.hasBody && headers['content-length'] === undefined
  if (isUndeclared) headers['transfer-encoding'] = 'chunked'
  const own = new Http2ServerRequest(stream, headers, {}, request.rawHeaders)
  const answer = new Http2ServerResponse(stream)
  stream.once('finish', () => setImmediate(() => response.stopRequest()))
  return {
    request: own as unknown as IncomingMessage,
    response: answer as unknown as ServerResponse,
  }
}

import { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { SurfacePair } from '../../gateway/index.ts'
import type { Http1Request } from './request.ts'
import type { Http1Response } from './response.ts'

/** What the runtime's response says of its connection, once its header is written. */
interface Finished {
  /** It promised to be the last. */
  readonly _last?: boolean
}

/**
 * The runtime's own objects of a request, for our pages and Koa. What was parsed is handed on: nothing is
 * parsed again. The answer goes straight to the socket.
 *
 * @param answered - all of the answer was handed to the socket; whether the connection ends with it.
 */
export function surfacePair(
  socket: Socket,
  { request, response }: { request: Http1Request; response: Http1Response },
  terms: { readonly isLast: boolean; readonly answered: (isLast: boolean) => void },
): SurfacePair {
  const own = messageOf(socket, request)
  const answer = new ServerResponse(own)
  answer.shouldKeepAlive = !terms.isLast
  answer.assignSocket(socket)
  answer.once('finish', () => {
    answer.detachSocket(socket)
    terms.answered((answer as Finished)._last === true)
  })
  response.yieldTo(answer)
  return { request: own, response: answer }
}

function messageOf(socket: Socket, request: Http1Request): IncomingMessage {
  const own = new Body(socket, request)
  own.httpVersion = `1.${request.httpVersionMinor}`
  own.httpVersionMajor = 1
  own.httpVersionMinor = request.httpVersionMinor
  own.method = request.method
  own.url = request.url
  own.rawHeaders = [...request.rawHeaders]
  own.headers = { ...request.headers }
  return own
}

class Body extends IncomingMessage {
  readonly #request: Http1Request
  #isBroken = false

  constructor(socket: Socket, request: Http1Request) {
    super(socket)
    this.#request = request
    if (!request.section.hasBody) {
      this.complete = true
      this.push(null)
      return
    }
    request.on('data', (chunk) => {
      if (!this.push(chunk)) request.pause()
    })
    request.on('end', () => {
      this.complete = true
      this.push(null)
    })
    request.on('error', (error) => {
      this.#isBroken = true
      this.destroy(error)
    })
  }

  /** The caller is told by an answer why its body ended, so the connection has to outlast it. */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.#isBroken) {
      super._destroy(error, callback)
      return
    }
    this.aborted = true
    this.emit('aborted')
    callback(this.listenerCount('error') === 0 ? null : error)
  }

  override _read(): void {
    if (!this.complete) this.#request.resume()
  }
}

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import { beginHttp2, callHttp2, openHttp2 } from '../kit/http2.ts'
import type { Http2Answer, Http2Call } from '../kit/http2.ts'
import type { LoadedService } from './service.ts'
import type { Target } from './traffic.ts'

const mostSessions = 6
const refusedStream = 7
const cancel = 8

type Call = Omit<Http2Call, 'authority'>

/** Callers of HTTP/2 with prior knowledge: a few connections with many streams at once on each. */
export class Http2Traffic {
  readonly #service: LoadedService
  #sessions: ClientHttp2Session[] = []
  #port = 0

  constructor(service: LoadedService) {
    this.#service = service
  }

  async get(target: Target, mark: string, number: number): Promise<void> {
    const path = `/app/${mark}`
    const [token, expected] = (
      [
        [target.alice, 200],
        [`${target.alice}x`, 401],
        [target.alice, 200],
        [undefined, 401],
        [target.bob, 200],
      ] as const
    )[number % 5] ?? [undefined, 401]
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const { status, body, reset } = await this.#call(target, number, { path, headers })
    assert.equal(status, expected, `${body.slice(0, 300)} reset ${reset}`)
    if (status === 200) assert.equal(body, path, 'the answer is another’s')
  }

  async post(target: Target, mark: string, number: number): Promise<void> {
    const sent = Buffer.alloc((number % 64) * 1024 + 1, mark)
    const call = { path: `/public/${mark}`, method: 'POST', body: sent }
    const { status, body, reset } = await this.#call(target, number, call)
    assert.equal(status, 200, `${body.slice(0, 300)} reset ${reset}`)
    assert.equal(reset, 0, `cut off after ${body.length} of ${sent.length} bytes`)
    assert.ok(sent.equals(Buffer.from(body, 'latin1')), 'the body came back changed')
  }

  /** Reads some events, and resets the stream. */
  async events(target: Target, mark: string, number: number): Promise<void> {
    const stream = this.#begin(target, number, { path: `/public/events/${mark}` })
    const closed = once(stream, 'close')
    let text = ''
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (text.split('data:').length > 3) stream.close(cancel)
    })
    await closed
    assert.ok(text.split('data:').length > 3, `the events ended with ${stream.rstCode}`)
  }

  /** Resets the stream when the service has the request. */
  async givenUp(target: Target, mark: string, number: number): Promise<void> {
    const arrived = this.#service.arrival(mark)
    const stream = this.#begin(target, number, { path: `/public/never/${mark}` })
    const closed = once(stream, 'close')
    await arrived
    stream.close(cancel)
    await closed
  }

  /** Ends all connections; the next request opens others. */
  close(): void {
    for (const session of this.#sessions.splice(0)) session?.destroy()
  }

  /** A stream that the gateway says it never began, as it stops, is asked for again elsewhere. */
  async #call(target: Target, number: number, call: Call): Promise<Http2Answer> {
    for (let tries = 0; ; tries++) {
      const session = this.#session(target, number)
      const answer = await callHttp2(session, { ...call, authority: target.host })
      if (answer.reset !== refusedStream || tries === 3) return answer
    }
  }

  #begin(target: Target, number: number, call: Call): ClientHttp2Stream {
    return beginHttp2(this.#session(target, number), { ...call, authority: target.host })
  }

  #session({ port }: Target, number: number): ClientHttp2Session {
    if (port !== this.#port) this.close()
    this.#port = port
    const at = number % mostSessions
    const known = this.#sessions[at]
    if (known !== undefined && !known.closed && !known.destroyed) return known
    return (this.#sessions[at] = openHttp2(port))
  }
}

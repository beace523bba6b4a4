import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import { setTimeout as delay } from 'node:timers/promises'
import { beginHttp2, openHttp2 } from '../kit/http2.ts'
import type { Http2Call } from '../kit/http2.ts'
import { largeBodyOf } from './large-bodies.ts'
import { http2CallerOf, markOf } from './mixture.ts'
import type { LoadedService } from './service.ts'
import { tokenOf } from './target.ts'
import type { Target } from './target.ts'

const mostSessions = 6
const refusedStream = 7
const cancel = 8

type Call = Omit<Http2Call, 'authority'>

interface Answer {
  readonly status: number
  readonly body: Buffer
  readonly reset: number
}

/** Callers of HTTP/2 with prior knowledge: a few connections with many streams at once on each. */
export class Http2Traffic {
  askedAgain = 0
  readonly #service: LoadedService
  readonly #sessions: ClientHttp2Session[] = []
  #port = 0

  constructor(service: LoadedService) {
    this.#service = service
  }

  async get(target: Target, number: number): Promise<void> {
    const path = `/app/${markOf(number)}`
    const [who, expected] = http2CallerOf(number)
    const token = tokenOf(target, who)
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const { status, body, reset } = await this.#call(target, number, { path, headers })
    assert.equal(status, expected, `${body.toString('latin1', 0, 300)} reset ${reset}`)
    if (status === 200) assert.equal(body.toString(), path, 'the answer is another’s')
  }

  async post(target: Target, number: number, sent: Buffer): Promise<void> {
    const call = { path: `/public/${markOf(number)}`, method: 'POST', body: sent }
    expectWhole(await this.#call(target, number, call), sent)
  }

  async download(target: Target, number: number): Promise<void> {
    const call = { path: `/public/large/${markOf(number)}` }
    expectWhole(await this.#call(target, number, call), largeBodyOf(number))
  }

  /** Leaves its window closed again and again, while others share the connection. */
  async downloadSlowly(target: Target, number: number): Promise<void> {
    const call = { path: `/public/large/${markOf(number)}` }
    const read = async (stream: ClientHttp2Stream): Promise<void> => {
      for (let pause = 0; pause < 5; pause++) {
        stream.pause()
        await delay(30)
        stream.resume()
        await delay(1)
      }
    }
    expectWhole(await this.#call(target, number, call, read), largeBodyOf(number))
  }

  /** Resets the stream when the first of the body has come. */
  async downloadGivenUp(target: Target, number: number): Promise<void> {
    const stream = this.#begin(target, number, { path: `/public/large/${markOf(number)}` })
    const closed = once(stream, 'close')
    let first: Buffer | undefined
    stream.once('data', (chunk: Buffer) => {
      first = chunk
      stream.close(cancel)
    })
    await closed
    assert.ok(first !== undefined, `the download ended with ${stream.rstCode}`)
    assert.ok(first.equals(largeBodyOf(number).subarray(0, first.length)), 'it came changed')
  }

  /** Reads some events, and resets the stream. */
  async events(target: Target, number: number): Promise<void> {
    const stream = this.#begin(target, number, { path: `/public/events/${markOf(number)}` })
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
  async givenUp(target: Target, number: number): Promise<void> {
    const stream = this.#begin(target, number, { path: `/public/never/${markOf(number)}` })
    const closed = once(stream, 'close')
    const answered = closed.then(() => {
      throw new Error(`the stream ended with ${stream.rstCode}`)
    })
    await Promise.race([this.#service.arrival(markOf(number)), answered])
    answered.catch(() => undefined)
    stream.close(cancel)
    await closed
  }

  /** Ends all connections; the next request opens others. */
  close(): void {
    for (const session of this.#sessions.splice(0)) session?.destroy()
  }

  /** A stream that the gateway says it never began, as it stops, is asked for again elsewhere. */
  async #call(
    target: Target,
    number: number,
    call: Call,
    read?: (stream: ClientHttp2Stream) => Promise<void>,
  ): Promise<Answer> {
    for (let tries = 0; ; tries++) {
      const stream = this.#begin(target, number, call)
      const answered = answerOf(stream)
      stream.end(call.body)
      await read?.(stream)
      const answer = await answered
      if (answer.reset !== refusedStream || tries === 3) return answer
      this.askedAgain += 1
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

function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let status = 0
    stream.on('response', (headers) => (status = Number(headers[':status'])))
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.once('close', () => {
      resolve({ status, body: Buffer.concat(chunks), reset: stream.rstCode ?? 0 })
    })
  })
}

function expectWhole({ status, body, reset }: Answer, expected: Buffer): void {
  assert.equal(status, 200, `${body.toString('latin1', 0, 300)} reset ${reset}`)
  assert.equal(reset, 0, `cut off after ${body.length} of ${expected.length} bytes`)
  assert.ok(expected.equals(body), `${body.length} of ${expected.length} bytes, or changed`)
}

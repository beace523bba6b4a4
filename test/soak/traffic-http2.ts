import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import { setTimeout as delay } from 'node:timers/promises'
import { beginHttp2, openHttp2 } from '../kit/http2.ts'
import type { Http2Call } from '../kit/http2.ts'
import { Comparison, largeBodyOf } from './bodies.ts'
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
  readonly body: Comparison
  /** What an answer other than 200 says. */
  readonly refusal: string
  readonly reset: number
}

interface Wanted extends Call {
  readonly expected: Buffer
  /** Reads in a way of its own. */
  readonly read?: (stream: ClientHttp2Stream) => Promise<void>
}

/** Callers of HTTP/2 with prior knowledge: a few connections with many streams at once on each. */
export class Http2Traffic {
  notBegun = 0
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
    const answer = await this.#call(target, number, {
      path,
      headers,
      expected: Buffer.from(path),
    })
    if (expected === 200) expectWhole(answer)
    else assert.equal(answer.status, expected, `${answer.refusal} reset ${answer.reset}`)
  }

  async post(target: Target, number: number, sent: Buffer): Promise<void> {
    const path = `/public/${markOf(number)}`
    const call = { path, method: 'POST', body: sent, expected: sent }
    expectWhole(await this.#call(target, number, call))
  }

  async download(target: Target, number: number): Promise<void> {
    const call = { path: `/public/large/${markOf(number)}`, expected: largeBodyOf(number) }
    expectWhole(await this.#call(target, number, call))
  }

  /** Leaves its window closed again and again, while others share the connection. */
  async downloadSlowly(target: Target, number: number): Promise<void> {
    const read = async (stream: ClientHttp2Stream): Promise<void> => {
      for (let pause = 0; pause < 5; pause++) {
        stream.pause()
        await delay(30)
        stream.resume()
        await delay(1)
      }
    }
    const expected = largeBodyOf(number)
    const call = { path: `/public/large/${markOf(number)}`, expected, read }
    expectWhole(await this.#call(target, number, call))
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
    stream.close(cancel)
    await closed
  }

  /** Ends all connections; the next request opens others. */
  close(): void {
    for (const session of this.#sessions.splice(0)) session?.destroy()
  }

  /** A stream that the gateway says it never began, as it stops, is asked for again elsewhere. */
  async #call(target: Target, number: number, wanted: Wanted): Promise<Answer> {
    for (let tries = 0; ; tries++) {
      const stream = this.#begin(target, number, wanted)
      const answered = answerOf(stream, wanted.expected)
      stream.end(wanted.body)
      await wanted.read?.(stream)
      const answer = await answered
      if (answer.reset !== refusedStream || tries === 3) return answer
      this.notBegun += 1
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

function answerOf(stream: ClientHttp2Stream, expected: Buffer): Promise<Answer> {
  return new Promise((resolve) => {
    const body = new Comparison(expected)
    let status = 0
    let refusal = ''
    stream.on('response', (headers) => (status = Number(headers[':status'])))
    stream.on('data', (chunk: Buffer) => {
      if (status === 200) body.take(chunk)
      else refusal += chunk.toString('latin1')
    })
    stream.once('close', () => resolve({ status, body, refusal, reset: stream.rstCode ?? 0 }))
  })
}

function expectWhole({ status, body, refusal, reset }: Answer): void {
  assert.equal(status, 200, `${refusal} reset ${reset}`)
  assert.equal(reset, 0, `cut off: ${body.describe()}`)
  assert.ok(body.isWhole, body.describe())
}

/** The parent's side of the load generator in `open-loop.ts`. */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Headers } from './subject.ts'

const PROGRAM = fileURLToPath(new URL('open-loop.ts', import.meta.url))

export interface LoadOrder {
  readonly port: number
  /** Made by `writeRequests`; sent in turn, from the first again after the last. */
  readonly file: string
  readonly connections: number
  /** Requests due per second; without it every connection is kept busy. */
  readonly rate?: number
  readonly seconds: number
  /** Latencies of this first while are not counted. */
  readonly skipSeconds: number
  /** Ends after the last line of the file: each request is sent once. */
  readonly once: boolean
}

export interface LoadOutcome {
  readonly requests: number
  /** Answers other than 2xx, connections cut, and requests never answered. */
  readonly failed: number
  /** What the first of them met: a status line, or what became of the connection. */
  readonly problem: string
  readonly durationMicros: number
  /** Latencies from the moment the request was due. */
  readonly p50Micros: number
  readonly p90Micros: number
  readonly p99Micros: number
  readonly largestMicros: number
  /** 99 of 100 requests left no later than this after they were due. */
  readonly lateMicros: number
}

export interface PreparedRequest {
  readonly path: string
  readonly headers: Headers
}

/** Writes requests where the generator reads them. */
export function writeRequests(file: string, requests: Iterable<PreparedRequest>): void {
  const lines: string[] = []
  for (const { path, headers } of requests) {
    const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
    lines.push([path, ...fields].join('\t'))
  }
  writeFileSync(file, lines.join('\n'), 'latin1')
}

/** One generator process; it carries out one order after the other. */
export class Generator {
  readonly #child: ChildProcess

  constructor() {
    this.#child = fork(PROGRAM, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  }

  /** Throws when a request failed: figures of answers that were refused mean nothing. */
  async run(order: LoadOrder): Promise<LoadOutcome> {
    this.#child.send(order)
    const answered = new AbortController()
    const { signal } = answered
    const [answer] = (await Promise.race([
      once(this.#child, 'message', { signal }),
      once(this.#child, 'exit', { signal }).then(() => [{ problem: 'the load generator ended' }]),
    ]).finally(() => answered.abort())) as [LoadOutcome | { readonly problem: string }]
    if (!('requests' in answer)) throw new Error(answer.problem)
    if (answer.failed > 0 || answer.requests === 0) {
      const { failed, problem, requests } = answer
      const why = problem === '' ? 'no answer in time' : problem
      throw new Error(`${failed} of ${failed + requests} requests to :${order.port} failed: ${why}`)
    }
    return answer
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill()
    await ended
  }
}

/** Puts load on a subject with wrk, and asks for single answers to check it first. */
import { execFile } from 'node:child_process'
import { request } from 'node:http'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { findProgram } from './process.ts'
import type { Headers } from './subject.ts'

const SUMMARY_SCRIPT = fileURLToPath(new URL('wrk-summary.lua', import.meta.url))
const ANSWER_LIMIT_MILLIS = 5000
const GRACE_MILLIS = 10_000

export interface Load {
  readonly url: string
  readonly headers: Headers
  readonly connections: number
  readonly seconds: number
  readonly signal: AbortSignal
}

/** What one round of load saw; latencies of a loop that keeps every connection busy. */
export interface LoadResult {
  readonly requests: number
  readonly durationMicros: number
  readonly p50Micros: number
  readonly p99Micros: number
}

/** Keeps all connections busy for the given time; throws when any request failed. */
export async function runLoad(load: Load): Promise<LoadResult> {
  const options = Object.entries({
    threads: '1',
    connections: String(load.connections),
    duration: `${load.seconds}s`,
    timeout: '5s',
    script: SUMMARY_SCRIPT,
  }).flatMap(([name, value]) => [`--${name}`, value])
  for (const [name, value] of Object.entries(load.headers)) {
    options.push('--header', `${name}: ${value}`)
  }
  const { stdout } = await promisify(execFile)(
    findProgram('wrk') ?? 'wrk',
    [...options, load.url],
    {
      timeout: load.seconds * 1000 + GRACE_MILLIS,
      signal: load.signal,
    },
  )
  const summary = stdout.split('\n').find((line) => line.startsWith('{'))
  if (summary === undefined) throw new Error(`wrk measured nothing:\n${stdout}`)
  const result = JSON.parse(summary) as LoadResult & { readonly failed: number }
  if (result.failed > 0 || result.requests === 0) {
    throw new Error(`${result.failed} of ${result.requests} requests to ${load.url} failed`)
  }
  return result
}

export interface Answer {
  readonly status: number
  readonly body: string
}

/** Sends one GET; unlike `fetch` it lets the Host be another than the address. */
export function ask(url: string, headers: Headers): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { headers, agent: false, timeout: ANSWER_LIMIT_MILLIS }
    const sent = request(url, options, (response) => {
      response
        .toArray()
        .then(
          (chunks: Buffer[]) =>
            resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
          reject,
        )
    })
    sent.on('timeout', () => sent.destroy(new Error(`${url} does not answer`)))
    sent.on('error', reject).end()
  })
}

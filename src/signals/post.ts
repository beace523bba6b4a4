import { request as requestHttp } from 'node:http'
import type { IncomingMessage, RequestOptions } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP } from 'node:net'
import type { LookupFunction } from 'node:net'
import { millis } from '../core/index.ts'
import type { Millis } from '../core/index.ts'
import { resolveChecked, systemResolver } from '../upstream/index.ts'
import type { Resolver } from '../upstream/index.ts'

/** Where somebody is told, and what that may cost. */
export interface Destination {
  /** https, or http on loopback. */
  readonly url: string
  readonly allowPrivateAddresses: boolean
  /** For the whole exchange. */
  readonly timeout: Millis
}

export interface Outgoing {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Answered {
  readonly status: number
  /** What `Retry-After` asks for, when it does so in seconds. */
  readonly retryAfter: Millis | undefined
  /** The beginning of the body. */
  readonly text: string
}

/** Nothing was answered; what is said holds nothing that was sent. */
export class NoAnswer extends Error {}

/** More of an answer is of no use to anybody. */
const mostAnswer = 8192

/**
 * One POST, without redirects, proxies or kept connections.
 *
 * Invariant: the address connected to is one that was judged, so that a name cannot lead elsewhere between
 * check and connection; and whatever a receiver does, it costs bounded time and memory.
 *
 * @throws NoAnswer
 */
export async function post(
  to: Destination,
  outgoing: Outgoing,
  options: { readonly signal: AbortSignal; readonly resolve?: Resolver },
): Promise<Answered> {
  const limit = AbortSignal.any([options.signal, AbortSignal.timeout(to.timeout)])
  const url = new URL(to.url)
  const { promise, resolve: answer, reject } = Promise.withResolvers<Answered>()
  const onAbort = (): void => {
    reject(new NoAnswer(options.signal.aborted ? 'it was interrupted' : 'no answer in time'))
  }
  limit.addEventListener('abort', onAbort, { once: true })
  let close = (): void => undefined
  try {
    if (limit.aborted) onAbort()
    else close = begin(url, { to, outgoing, answer, reject, resolve: options.resolve })
    return await promise
  } finally {
    close()
    limit.removeEventListener('abort', onAbort)
  }
}

interface Begun {
  readonly to: Destination
  readonly outgoing: Outgoing
  readonly answer: (answered: Answered) => void
  readonly reject: (error: NoAnswer) => void
  readonly resolve: Resolver | undefined
}

/** @returns what ends it. */
function begin(url: URL, { to, outgoing, answer, reject, resolve }: Begun): () => void {
  let close = (): void => undefined
  let isOver = false
  const { allowPrivateAddresses } = to
  const rules = { allowPrivateAddresses, resolve: resolve ?? systemResolver }
  resolveChecked(url.hostname, rules, (verdict) => {
    if (isOver) return
    if (verdict.kind !== 'addresses') {
      const forbidden = verdict.kind === 'address_forbidden'
      const problem = forbidden ? 'its address is not permitted' : 'its name has no address'
      reject(new NoAnswer(problem))
      return
    }
    const send = url.protocol === 'https:' ? requestHttps : requestHttp
    const request = send(url, optionsOf(outgoing, verdict.addresses))
    close = () => request.destroy()
    request.on('error', (error) => reject(new NoAnswer(describe(error))))
    request.on('response', (response) => {
      read(response).then(answer, (error: Error) => reject(new NoAnswer(describe(error))))
    })
    request.end(outgoing.body)
  })
  return () => {
    isOver = true
    close()
  }
}

function optionsOf({ headers, body }: Outgoing, addresses: readonly string[]): RequestOptions {
  return {
    method: 'POST',
    agent: false,
    headers: {
      ...headers,
      'accept-encoding': 'identity',
      'content-length': String(Buffer.byteLength(body)),
      'user-agent': 'Proofgate',
    },
    lookup: lookupAmong(addresses),
    maxHeaderSize: 16_384,
    // Said in so many words because an environment variable can turn the default around.
    rejectUnauthorized: true,
  } as RequestOptions
}

function lookupAmong(addresses: readonly string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIP(address) }))
  return (_host, options, callback) => {
    const [first] = found
    if (options.all === true) callback(null, found)
    else callback(null, first?.address ?? '', first?.family)
  }
}

/** Reads no more than the beginning, and of a yes nothing: it does not wait for what follows. */
async function read(response: IncomingMessage): Promise<Answered> {
  const status = response.statusCode ?? 0
  const seconds = /^[0-9]{1,6}$/.exec(response.headers['retry-after'] ?? '')?.[0]
  const retryAfter = seconds === undefined ? undefined : millis(Number(seconds) * 1000)
  if (isYes(status)) return { status, retryAfter, text: '' }
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    length += chunk.length
    if (length >= mostAnswer) break
  }
  const text = Buffer.concat(chunks).subarray(0, mostAnswer).toString('utf8')
  return { status, retryAfter, text }
}

export function isYes(status: number): boolean {
  return status >= 200 && status < 300
}

/** The system's word for it, which names no more than an address. */
function describe(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return code === '' ? 'the connection failed' : `the connection failed (${code})`
}

import { lookup as resolve } from 'node:dns'
import type { LookupAddress } from 'node:dns'
import { request as requestHttp } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP } from 'node:net'
import type { LookupFunction } from 'node:net'
import { parseJson } from '../core/index.ts'
import type { Json, Millis } from '../core/index.ts'
import { tokenFailure } from './errors.ts'

/** What a fetch of somebody else's document may do. */
export interface FetchGuards {
  /** Also allows `http:`; off, only `https:` is spoken. */
  readonly allowHttp: boolean
  /** Asked about every address before a connection is opened to it; true = refuse. */
  readonly isForbiddenAddress: (address: string) => boolean
  /** For the whole exchange: name resolution, connection, headers and body. */
  readonly timeout: Millis
}

/** AWS API Gateway's limit for a key set. */
const maximumBytes = 150_000
const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Fetches a JSON document: no redirects, no content coding, bounded in time and size, and connected
 * only to an address that was checked (the one resolved, not one resolved again). Rejects with
 * `token.issuer_unreachable` for everything else than a 200 with JSON.
 */
export async function fetchJson(address: string, guards: FetchGuards): Promise<Json> {
  const url = parseFetchUrl(address, guards)
  let text: string
  try {
    text = await exchange(url, guards)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'unknown'
    throw unreachable(url, reason, cause)
  }
  const value = parseJson(text, { length: maximumBytes, depth: 12 })
  if (value === undefined) throw unreachable(url, 'the answer is not unambiguous JSON')
  return value
}

/** Throws `token.issuer_unreachable` for an address that must not be fetched. */
export function parseFetchUrl(address: string, guards: Pick<FetchGuards, 'allowHttp'>): URL {
  const url = URL.parse(address)
  if (url === null) throw tokenFailure('issuer_unreachable', 'the address is not a URL')
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && guards.allowHttp)) {
    throw unreachable(url, 'only https is allowed')
  }
  if (url.username !== '' || url.password !== '' || url.hash !== '') {
    throw unreachable(url, 'user information and fragments are not allowed')
  }
  return url
}

/** Names the address without its query, which may hold a secret of the operator's. */
function unreachable(url: URL, reason: string, cause?: unknown): Error {
  return tokenFailure('issuer_unreachable', `${url.origin}${url.pathname}: ${reason}`, { cause })
}

async function exchange(url: URL, guards: FetchGuards): Promise<string> {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  if (isIP(host) !== 0 && guards.isForbiddenAddress(host)) {
    throw new Error('the address is in a forbidden range')
  }
  const send = url.protocol === 'https:' ? requestHttps : requestHttp
  const request = send(url, {
    agent: false,
    headers: { accept: 'application/json', 'accept-encoding': 'identity' },
    lookup: guardedLookup(guards.isForbiddenAddress),
    maxHeaderSize: 16_384,
  })
  const { promise, resolve: answer, reject } = Promise.withResolvers<string>()
  const timer = setTimeout(() => reject(new Error('no complete answer in time')), guards.timeout)
  request.on('error', reject)
  request.on('response', (response) => {
    readBody(response).then(answer, reject)
  })
  request.end()
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    request.destroy()
  }
}

async function readBody(response: IncomingMessage): Promise<string> {
  if (response.statusCode !== 200) throw new Error(`it answered ${response.statusCode}`)
  const type = (response.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  if (!/^application\/([a-z0-9.-]+\+)?json$/.test(type)) throw new Error('the answer is not JSON')
  const coding = response.headers['content-encoding'] ?? 'identity'
  if (coding !== 'identity') throw new Error('the answer is compressed though that was not allowed')
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.byteLength
    if (size > maximumBytes) throw new Error(`the answer is longer than ${maximumBytes} bytes`)
    chunks.push(chunk)
  }
  return utf8.decode(Buffer.concat(chunks))
}

/**
 * Name resolution for `net.connect`: the connection goes to the addresses checked here, so a name
 * cannot point elsewhere between check and connection. One forbidden address refuses the name.
 */
function guardedLookup(isForbidden: FetchGuards['isForbiddenAddress']): LookupFunction {
  return (hostname, options, callback) => {
    const answer = (found: readonly LookupAddress[]) => {
      const [first] = found
      if (first === undefined) {
        callback(new Error('the name has no address'), '')
      } else if (found.some(({ address }) => isForbidden(address))) {
        callback(new Error('the name leads to a forbidden address'), '')
      } else if (options.all === true) {
        callback(null, [...found])
      } else {
        callback(null, first.address, first.family)
      }
    }
    if (isLoopbackName(hostname)) {
      answer(loopback)
      return
    }
    resolve(hostname, { ...options, all: true }, (error, found) => {
      // On an error there is no list, whatever its type says.
      if (error === null) answer(found)
      else callback(error, '')
    })
  }
}

const loopback: readonly LookupAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
]

/** RFC 6761 6.3: these names never leave the machine; Node's resolver does not know the second. */
function isLoopbackName(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, '')
  return name === 'localhost' || name.endsWith('.localhost')
}

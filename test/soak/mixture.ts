/** What the load sends, by the number of the request, so that every run has the same mixture. */

const kinds = {
  'event stream': 'gateway.open_route',
  tunnel: 'gateway.open_route',
  'slow upload': 'gateway.open_route',
  'slow answer': 'gateway.open_route',
  'large post': 'gateway.open_route',
  download: 'gateway.open_route',
  'given up': 'gateway.open_route',
  'upload given up': 'gateway.open_route',
  'download given up': 'gateway.open_route',
  'new connection': 'gateway.open_route',
  post: 'gateway.open_route',
  'open get': 'gateway.open_route',
  'protected get': 'policy.allowed',
  'get by another client': 'policy.allowed',
  refused: undefined,
  malformed: undefined,
  'HTTP/2 event stream': 'gateway.open_route',
  'HTTP/2 large post': 'gateway.open_route',
  'HTTP/2 download': 'gateway.open_route',
  'HTTP/2 download read slowly': 'gateway.open_route',
  'HTTP/2 download given up': 'gateway.open_route',
  'HTTP/2 given up': 'gateway.open_route',
  'HTTP/2 get': undefined,
  'HTTP/2 post': 'gateway.open_route',
} as const

export type Kind = keyof typeof kinds

/** Of 500. */
const rare: readonly (readonly [number, Kind])[] = [
  [7, 'event stream'],
  [57, 'tunnel'],
  [107, 'slow upload'],
  [157, 'slow answer'],
  [207, 'HTTP/2 event stream'],
  [257, 'HTTP/2 large post'],
  [307, 'HTTP/2 download'],
  [357, 'HTTP/2 download read slowly'],
  [377, 'HTTP/2 download given up'],
  [407, 'large post'],
  [457, 'download'],
  [477, 'download given up'],
]
const rareOf = new Map(rare)

/** Mostly plain, the costly ones now and then. */
export function kindOf(number: number): Kind {
  return rareOf.get(number % 500) ?? oddKind(number) ?? usualKind(number)
}

function oddKind(number: number): Kind | undefined {
  if (number % 200 === 121) return 'HTTP/2 given up'
  if (number % 200 === 21) return 'given up'
  if (number % 200 === 71) return 'upload given up'
  if (number % 100 === 33) return 'malformed'
  if (number % 50 === 13) return 'new connection'
  return undefined
}

function usualKind(number: number): Kind {
  const last = number % 10
  if (last === 1 || last === 5) return 'HTTP/2 get'
  if (number % 20 === 6) return 'HTTP/2 post'
  if (last === 4) return 'post'
  if (last === 8) return 'refused'
  if (last % 2 === 0) return 'open get'
  return number % 50 === 19 ? 'get by another client' : 'protected get'
}

export type Who = 'alice' | 'bob' | 'nobody' | 'forged'

export interface Refusal {
  readonly path: string
  readonly who: Who
  readonly headers: Readonly<Record<string, string>>
  readonly status: number
  readonly reason: string
}

const refusals: readonly [Refusal, ...Refusal[]] = [
  refusal('/app/', 'nobody', 401, 'gateway.unauthenticated'),
  refusal('/admin/', 'bob', 403, 'policy.no_statement_allows'),
  refusal('/nowhere/', 'nobody', 404, 'gateway.no_route'),
  refusal('/public/../', 'nobody', 400, 'gateway.ambiguous_path'),
  refusal('/public/', 'nobody', 421, 'gateway.unknown_host', { host: 'evil.example' }),
  refusal('/app/', 'forged', 401, 'token.invalid'),
  refusal('/app/', 'nobody', 417, 'gateway.expectation_failed', { expect: 'a-pony' }),
]

function refusal(
  path: string,
  who: Who,
  status: number,
  reason: string,
  headers: Readonly<Record<string, string>> = {},
): Refusal {
  return { path, who, status, reason, headers }
}

export function refusalOf(number: number): Refusal {
  return refusals[Math.floor(number / 10) % refusals.length] ?? refusals[0]
}

export interface Malformed {
  readonly bytes: string
  readonly reason: string
  /** The record names the path, and with it the request. */
  readonly isNamed: boolean
}

/** Bytes that are no request; the path has the mark where there is one. */
export function malformedOf(number: number): Malformed {
  const path = `/public/${markOf(number)}`
  const unnamed = { reason: 'gateway.malformed', isNamed: false }
  const named = { reason: 'gateway.malformed', isNamed: true }
  const all: readonly [Malformed, ...Malformed[]] = [
    { bytes: '\0\0\r\n\r\n', ...unnamed },
    { bytes: `GET ${path} HTTP/1.1\r\nHost : x\r\n\r\n`, ...unnamed },
    { bytes: `GET ${path} HTTP/9.9\r\nHost: x\r\n\r\n`, ...unnamed },
    {
      bytes: `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
      ...named,
    },
    { bytes: `GET ${path} HTTP/1.1\r\n\r\n`, ...named },
    {
      bytes: 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n',
      reason: 'gateway.method_not_supported',
      isNamed: false,
    },
  ]
  return all[Math.floor(number / 100) % all.length] ?? all[0]
}

const http2Callers: readonly [readonly [Who, number], ...(readonly [Who, number])[]] = [
  ['alice', 200],
  ['forged', 401],
  ['bob', 200],
  ['alice', 200],
  ['nobody', 401],
]

/** Who asks over HTTP/2, and what the answer must be. */
export function http2CallerOf(number: number): readonly [Who, number] {
  return http2Callers[Math.floor(number / 5) % http2Callers.length] ?? http2Callers[0]
}

/** The reason that the record of a request must have. */
export function reasonOf(number: number): string {
  const kind = kindOf(number)
  if (kind === 'refused') return refusalOf(number).reason
  if (kind === 'malformed') return malformedOf(number).reason
  if (kind !== 'HTTP/2 get') return kinds[kind]
  const [who] = http2CallerOf(number)
  if (who === 'forged') return 'token.invalid'
  return who === 'nobody' ? 'gateway.unauthenticated' : 'policy.allowed'
}

/** Whether the record of a request has its mark. */
export function isNamed(number: number): boolean {
  return kindOf(number) !== 'malformed' || malformedOf(number).isNamed
}

/** The last segment of the path of a request; a record is told by it. */
export function markOf(number: number): string {
  return `m${number}`
}

/** The number of the request that a path is of. */
export function numberOf(path: string): number | undefined {
  const mark = /\/m(\d+)$/.exec(path)?.[1]
  return mark === undefined ? undefined : Number(mark)
}

const kibibyte = 1024

/** Within what a window of flow control has room for. */
export function smallSizeOf(number: number): number {
  return (number % 64) * kibibyte + (number % 3)
}

/** Well above what a window of flow control has room for, and below what a route takes. */
export function largeSizeOf(number: number): number {
  return 200 * kibibyte + ((number * 7919) % (800 * kibibyte))
}

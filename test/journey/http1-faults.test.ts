import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { recordsOf } from '../kit/minting.ts'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { FakeIssuer } from '../kit/fake-issuer.ts'
import { atRest, ByteService, Caller, commit, faults } from '../kit/faults.ts'
import type { Fault } from '../kit/faults.ts'
import { call } from '../kit/http.ts'
import { until } from '../kit/operations.ts'
import { head } from '../kit/raw.ts'

/* Callers that break off, at each point of an exchange over HTTP/1.1 and in each way. */

const service = new ByteService()
const issuers = [...faults, ...faults].map((_, at) => new FakeIssuer(`k${at}`))
/** Keys that issuers do not give out yet, by the issuer's place. */
const asked = new Map<number, () => void>()
const keys = createServer((request, response) => {
  asked.set(Number(request.url?.[1]), () => response.end('none'))
})
let plane: DataPlane

before(async () => {
  await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve))
  const at = `http://127.0.0.1:${(keys.address() as AddressInfo).port}`
  for (const [index, issuer] of issuers.entries()) issuer.url = `${at}/${index}`
  service.behave = ({ path, socket }, moment) => {
    const [, , kind] = path.split('/')
    if (kind === 'tunnel') {
      if (moment === 'whole')
        socket.write('HTTP/1.1 101 a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n')
    } else if (moment !== 'whole' || kind === 'silent') return
    else if (kind === 'half') socket.write('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf')
    else if (kind === 'chunk') {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhalf')
    } else if (kind === 'flood') {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 99000000\r\n\r\n')
      socket.write(Buffer.alloc(99_000_000, 'f'))
    } else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  }
  plane = await startDataPlane({
    upstream: await service.listen(),
    upstreamKeys: 'timeouts: { connect: 5s, headers: 60s, idle: 60s }',
    routes: `      - { method: GET, path: '/tunnels/{rest+}', authorizer: open, websocket: true }
${issuers.map((_, index) => `      - { method: ANY, path: '/late${index}/{rest+}', authorizer: late${index} }`).join('\n')}`,
    more: `issuers:
${issuers.map((issuer, index) => `  late${index}: { issuer: '${issuer.url}', audiences: ['api://orders'], algorithms: [ES256], namespace: late${index}, dangerously_allowHttp: true }`).join('\n')}`,
    limits: '{ drain: 1s, shedding: { eventLoopDelay: 1m } }',
  })
})
after(async () => {
  for (const answer of asked.values()) answer()
  keys.closeAllConnections()
  keys.close()
  service.behave = ({ socket }, moment) => {
    if (moment === 'whole') socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  }
  await plane?.finish().finally(() => service.close())
})

/** When the fault comes. */
type Ready = (caller: Caller, path: string) => boolean

const atOnce: Ready = ({ socket }) => !socket.connecting
const arrived: Ready = (_, path) => service.of(path).length > 0
const wholeThere: Ready = (_, path) => service.of(path).some(({ isWhole }) => isWhole)
const isAsked: Ready = (_, path) => asked.has(Number(/^\/late(\d)/.exec(path)?.[1]))
const hears =
  (what: RegExp): Ready =>
  ({ text }) =>
    what.test(text)

/** What comes of each fault: resets, closes, ends its side. */
interface Row {
  readonly point: string
  readonly kind: string
  readonly area?: 'late' | 'tunnel'
  readonly bytes: (lines: { first: string; host: string }, caller: Caller) => string
  readonly ready: Ready
  /** Of the request in its record, if there is one, for each fault. */
  readonly records: readonly [resets: string, closes: string, ends: string]
  /** How much of the request comes to the service, and whether it hears that nobody waits any more. */
  readonly service: 'nothing' | 'cut' | 'whole' | 'given up'
  /** What a caller reads that has only ended its side. */
  readonly reads: readonly number[]
}

const post = (...lines: readonly string[]) => {
  return ({ first, host }: { first: string; host: string }): string =>
    head(`POST ${first}`, host, ...lines)
}
const get = ({ first, host }: { first: string; host: string }): string => head(`GET ${first}`, host)
const sized = post('Content-Length: 5')
const chunked = post('Transfer-Encoding: chunked')
type Lines = Parameters<typeof get>[0]
const behind = (before: (lines: Lines) => string, text: string) => (lines: Lines) =>
  before(lines) + text
const handshake = ({ first, host }: Lines): string =>
  head(
    `GET ${first}`,
    host,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  )

const open = 'gateway.open_route'
const bad = 'gateway.malformed'
const undecided = 'token.keys_unavailable'
const always = (reason: string) => [reason, reason, reason] as const

const beforeHead = { kind: 'ok', ready: atOnce, service: 'nothing' } as const
const inHead = { ...beforeHead, records: ['', bad, bad], reads: [400] } as const
/** Decided on and forwarded, as far as it came. */
const inBody = {
  kind: 'ok',
  ready: arrived,
  service: 'cut',
  reads: [400],
  records: always(open),
} as const
const waiting = {
  kind: 'silent',
  ready: wholeThere,
  service: 'given up',
  reads: [],
  records: always(open),
} as const
const inAnswer = { service: 'given up', reads: [200], records: always(open) } as const
const late = { ready: isAsked, service: 'nothing', area: 'late' } as const

/** Within a chunked body. */
function inChunks(point: string, text: string): Row {
  return { ...inBody, point, bytes: behind(chunked, text) }
}

const rows: readonly Row[] = [
  { ...beforeHead, point: 'before a request', bytes: () => '', records: always(''), reads: [] },
  { ...inHead, point: 'in the first line', bytes: ({ first }) => `GET ${first.slice(0, 8)}` },
  { ...inHead, point: 'behind the first line', bytes: ({ first }) => `GET ${first}\r\n` },
  {
    ...inHead,
    point: 'in a header line',
    bytes: ({ first, host }) => `GET ${first}\r\n${host}\r\nX: y`,
  },
  {
    ...inHead,
    point: 'in the empty line',
    bytes: ({ first, host }) => `GET ${first}\r\n${host}\r\n\r`,
  },
  { ...inBody, point: 'between head and body', bytes: sized },
  { ...inBody, point: 'in a body', bytes: behind(sized, 'hel') },
  inChunks('before a chunk', ''),
  inChunks('in the size of a chunk', '5'),
  inChunks('in an extension', '5;a="'),
  inChunks('in a chunk', '5\r\nhel'),
  inChunks('behind a chunk', '5\r\nhello'),
  inChunks('between chunks', '5\r\nhello\r\n'),
  inChunks('behind the last chunk', '5\r\nhello\r\n0\r\n'),
  inChunks('in trailers', '5\r\nhello\r\n0\r\nX-A: b'),
  inChunks('behind trailers', '5\r\nhello\r\n0\r\nX-A: b\r\n'),
  {
    ...inBody,
    point: 'behind `100 Continue`',
    bytes: post('Content-Length: 5', 'Expect: 100-continue'),
    ready: (caller, path) => hears(/ 100 Continue/)(caller, path) && arrived(caller, path),
    reads: [100, 400],
  },
  {
    ...late,
    point: 'while it is decided on',
    kind: '0',
    bytes: get,
    records: always(undecided),
    reads: [],
  },
  {
    ...late,
    point: 'in a body while it is decided on',
    kind: '3',
    bytes: behind(sized, 'hel'),
    // Nothing is read of it meanwhile, so that it has gone is found out behind the decision.
    records: always(undecided),
    reads: [503],
  },
  { ...waiting, point: 'while its service is waited for', bytes: get },
  {
    ...waiting,
    point: 'while its service is waited for, behind a body',
    bytes: behind(chunked, '5\r\nhello\r\n0\r\n\r\n'),
  },
  { ...inAnswer, point: 'in an answer', kind: 'half', bytes: get, ready: hears(/half$/) },
  {
    ...inAnswer,
    point: 'in a chunk of an answer',
    kind: 'chunk',
    bytes: get,
    ready: hears(/half/),
  },
  {
    ...inAnswer,
    point: 'in an answer that it does not read',
    kind: 'flood',
    bytes: (lines, { socket }) => {
      socket.once('data', () => socket.pause())
      return get(lines)
    },
    ready: ({ socket }) => socket.isPaused(),
  },
  {
    ...inAnswer,
    point: 'behind an answer',
    kind: 'ok',
    service: 'whole',
    bytes: get,
    ready: hears(/ok$/),
  },
  { ...waiting, point: 'while a tunnel is waited for', area: 'tunnel', bytes: handshake },
  {
    ...waiting,
    point: 'in a tunnel',
    area: 'tunnel',
    kind: 'tunnel',
    bytes: handshake,
    ready: hears(/ 101 /),
    reads: [101],
  },
]

let cells = 0
/** Records of refusals whose requests have no path. */
let nameless = 0

/** Of requests that are decided on when their issuer gives out keys: once the caller has gone. */
function issuerOf({ kind }: Row, fault: Fault): number {
  return Number(kind) + faults.indexOf(fault)
}

function pathOf(row: Row, fault: Fault): string {
  if (row.area === 'late') return `/late${issuerOf(row, fault)}/${++cells}`
  return `/${row.area === 'tunnel' ? 'tunnels' : 'public'}/${row.kind}/${++cells}`
}

function linesOf(row: Row, fault: Fault, path: string): Lines {
  const host = `Host: ${plane.host}`
  if (row.area !== 'late') return { first: `${path} HTTP/1.1`, host }
  const token = issuers[issuerOf(row, fault)]?.token() ?? ''
  return { first: `${path} HTTP/1.1`, host: `${host}\r\nAuthorization: Bearer ${token}` }
}

async function play(row: Row, fault: Fault): Promise<void> {
  const path = pathOf(row, fault)
  const what = `${row.point}, ${fault}`
  const caller = new Caller(plane.port)
  caller.send(row.bytes(linesOf(row, fault, path), caller))
  await until(`${what}: it has come so far`, () => row.ready(caller, path), 30_000)
  commit(fault, caller.socket)
  if (fault === 'ends its side') {
    caller.socket.resume()
    await caller.over(what)
    assert.deepEqual(caller.statuses, row.reads, what)
    caller.socket.destroy()
  }
  if (row.area === 'late') {
    await delay(200)
    asked.get(issuerOf(row, fault))?.()
  }
  const served = service.of(path)
  if (row.service === 'given up' || row.service === 'cut') {
    await until(`${what}: the service hears of it`, () => served[0]?.ending !== '', 30_000)
  }
  const expected = row.records[faults.indexOf(fault)] ?? ''
  if (expected === bad) nameless += 1
  else if (expected !== '') {
    await until(`${what}: it is recorded`, async () => (await reasonsOf(path)).length > 0, 30_000)
    assert.deepEqual(await reasonsOf(path), [expected], what)
  }
  if (row.service === 'nothing') assert.deepEqual(service.of(path), [], what)
  else {
    assert.equal(service.of(path).length, 1, what)
    assert.equal(served[0]?.isWhole, row.service !== 'cut', `${what}: ${served[0]?.text}`)
    assert.equal(served[0]?.ending !== '', row.service !== 'whole', what)
  }
}

async function reasonsOf(path: string | undefined): Promise<readonly string[]> {
  const records = await recordsOf(plane.gateway, 'decision')
  return records.filter(({ what }) => what?.['path'] === path).map(({ reason }) => reason ?? '')
}

describe('a caller that goes', { concurrency: 25, timeout: 120_000 }, () => {
  for (const row of rows) {
    for (const fault of faults) {
      it(`${row.point} and ${fault} takes with it what it asked for`, () => play(row, fault))
    }
  }
})

test('nothing is left of callers that went, and each request was recorded once', async () => {
  await atRest(plane)
  await until('all are recorded', async () => (await reasonsOf(undefined)).length >= nameless)
  const reasons = await reasonsOf(undefined)
  assert.deepEqual(
    reasons,
    reasons.map(() => bad),
  )
  assert.equal(reasons.length, nameless)
  const asked = (await recordsOf(plane.gateway, 'decision')).map(({ what }) => what?.['path'])
  const named = asked.filter((path) => path !== undefined)
  assert.equal(new Set(named).size, named.length)
  assert.equal((await call(`${plane.gateway.api}/public/ok/next`)).text, 'ok')
})

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { StoredRecord } from '../../src/audit/index.ts'
import { decisionsDuring, startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { continuation, data, headers, RawHttp2, rstStream } from '../kit/h2-frames.ts'
import type { Fields } from '../kit/h2-frames.ts'
import { raw } from '../kit/raw.ts'
import { headerOf, RecordingUpstream } from '../kit/upstream.ts'

/* Rows B01, B02 and B06, and what RFC 9113 8 says a request is: every case as raw frames over h2c. */

let plane: DataPlane
const upstream = new RecordingUpstream()

before(async () => {
  plane = await startDataPlane({
    upstream: await upstream.listen(),
    more: 'listeners: { public: { h2c: true } }',
  })
})

after(async () => {
  await plane.finish().finally(() => {
    upstream.close()
  })
})

const usual = (): Fields => [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/public/x'],
  [':authority', plane.host],
]
const having = (name: string, value: string): Fields =>
  usual().map(([own, text]) => [own, own === name ? value : text] as const)
const without = (...names: string[]): Fields => usual().filter(([own]) => !names.includes(own))
const and = (...more: (readonly [string, string])[]): Fields => [...usual(), ...more]

/** One request on a connection of its own. */
async function outcomeOf(fields: Fields, rest: readonly Buffer[] = []): Promise<string> {
  const connection = await RawHttp2.open(plane.port)
  connection.send(headers(1, fields, { end: rest.length === 0 }), ...rest)
  const outcome = await connection.outcome(1)
  connection.close()
  return outcome
}

/** The decisions made by `work`, once no more come. */
async function decisionsOf(work: () => Promise<unknown>, atLeast: number): Promise<StoredRecord[]> {
  return decisionsDuring(
    plane,
    async () => {
      await work()
      await delay(300)
    },
    atLeast,
  )
}

type Case = readonly [what: string, fields: () => Fields, rest?: readonly Buffer[]]

/** Each is answered as `expected`, recorded once as refused for `reason`, and never reaches the service. */
async function refused(
  cases: readonly Case[],
  { expected, reason }: { expected: string; reason: string },
): Promise<void> {
  upstream.take()
  const decisions = await decisionsOf(async () => {
    for (const [what, fields, rest] of cases) {
      assert.equal(await outcomeOf(fields(), rest), expected, what)
    }
  }, cases.length)
  assert.deepEqual(
    decisions.map(({ outcome, reason: found }) => [outcome, found]),
    cases.map(() => ['deny', reason]),
  )
  assert.deepEqual(upstream.take(), [])
}

test('an ordinary request is served, and its pseudo-header fields stay with us', async () => {
  const decisions = await decisionsOf(async () => {
    assert.equal(await outcomeOf(and(['x-a', 'b'], ['te', 'trailers'])), '200')
  }, 1)
  assert.equal(decisions.length, 1)
  const [seen] = upstream.take()
  assert.equal(seen?.url, '/public/x')
  assert.deepEqual(headerOf(seen, 'x-a'), ['b'])
  assert.deepEqual(headerOf(seen, 'x-forwarded-host'), [plane.host])
  assert.equal(headerOf(seen, 'host').length, 1)
  assert.equal(
    seen?.headers.some((text) => text.startsWith(':')),
    false,
  )
})

test('pseudo-header fields that hold more than they may reset the stream', async () => {
  await refused(
    [
      ['path with a line', () => having(':path', '/ HTTP/1.1\r\nX: y')],
      ['path with a blank', () => having(':path', '/public/a b')],
      ['empty path', () => having(':path', '')],
      ['path in absolute form', () => having(':path', `http://${plane.host}/public/x`)],
      ['method with a line', () => having(':method', 'GET /admin HTTP/1.1\r\nX: y')],
      ['authority with a line', () => having(':authority', 'gw\r\nX: y')],
      ['authority with a user', () => having(':authority', `u:p@${plane.host}`)],
      ['scheme with more', () => having(':scheme', 'https://evil/?')],
      ['no method', () => without(':method')],
      ['no path', () => without(':path')],
      ['no scheme', () => without(':scheme')],
      ['neither authority nor host', () => without(':authority')],
      ['two paths', () => and([':path', '/admin/x'])],
      ['two authorities', () => and([':authority', 'evil'])],
      ['one that is for answers', () => and([':status', '200'])],
      ['one that nobody knows', () => and([':x', 'y'])],
      ['one behind a field', () => [['x-a', 'b'], ...usual()]],
      ['extended CONNECT', () => [...having(':method', 'CONNECT'), [':protocol', 'websocket']]],
    ],
    { expected: 'RST 1', reason: 'gateway.malformed' },
  )
})

test('fields of HTTP/1.1 connections, upper case and a wrong length reset the stream', async () => {
  await refused(
    [
      ['connection', () => and(['connection', 'x-a'])],
      ['keep-alive', () => and(['keep-alive', 'timeout=5'])],
      ['proxy-connection', () => and(['proxy-connection', 'keep-alive'])],
      ['transfer-encoding', () => and(['transfer-encoding', 'chunked'])],
      ['upgrade', () => and(['upgrade', 'h2c'])],
      ['te', () => and(['te', 'gzip'])],
      ['upper case', () => and(['X-A', 'b'])],
      ['two hosts', () => and(['host', plane.host], ['host', plane.host])],
      ['a length and no body', () => and(['content-length', '5'])],
      ['two lengths', () => and(['content-length', '0'], ['content-length', '0'])],
      ['a length with a sign', () => and(['content-length', '+0'])],
      ['a shorter body', () => and(['content-length', '5']), [data(1, 'abc', true)]],
    ],
    { expected: 'RST 1', reason: 'gateway.malformed' },
  )
})

test('a field that no message may hold makes the request malformed, and is never left out', async () => {
  await refused(
    [
      ['a line end', () => and(['x-a', 'b\r\nx-c: d'])],
      ['a line feed', () => and(['x-a', 'b\nc'])],
      ['a null', () => and(['x-a', 'b\0c'])],
      ['another control character', () => and(['x-a', 'b\x01c'])],
      ['a delete', () => and(['x-a', 'b\x7fc'])],
      ['a tab in front', () => and(['x-a', '\tb'])],
      ['a blank in front', () => and(['x-a', ' b'])],
      ['a blank behind', () => and(['x-a', 'b '])],
      ['no name', () => and(['', 'b'])],
      ['a colon in a name', () => and(['a:b', 'c'])],
      ['a blank in a name', () => and(['a b', 'c'])],
      ['a letter beyond ASCII in a name', () => and(['\xe4', 'c'])],
      ['one among many', () => and(['x-a', '1'], ['authorization', 'Bearer \tx '], ['x-b', '2'])],
    ],
    { expected: 'RST 1', reason: 'gateway.malformed' },
  )
})

test('a host that differs from the authority, and lines that may not occur twice, are refused', async () => {
  await refused(
    [
      ['host', () => and(['host', 'evil'])],
      ['host with a port', () => and(['host', `${plane.host}0`])],
      ['scheme', () => having(':scheme', 'ftp')],
      ['authorization', () => and(['authorization', 'a'], ['authorization', 'b'])],
      ['content-type', () => and(['content-type', 'a'], ['content-type', 'b'])],
      ['dpop', () => and(['dpop', 'a'], ['dpop', 'b'])],
      ['user-agent', () => and(['user-agent', 'a'], ['user-agent', 'b'])],
      ['origin', () => and(['origin', 'a'], ['origin', 'b'])],
    ],
    { expected: '400', reason: 'gateway.malformed' },
  )
  await refused(
    [
      ['dots', () => having(':path', '/public/../admin/x')],
      ['encoded dots', () => having(':path', '/public/%2e%2e/admin/x')],
      ['an empty segment', () => having(':path', '//public/x')],
      ['an encoded slash', () => having(':path', '/public/a%2fb')],
      ['a fragment', () => having(':path', '/public/x#y')],
      ['a letter beyond ASCII', () => having(':path', '/public/\xe4')],
    ],
    { expected: '400', reason: 'gateway.ambiguous_path' },
  )
})

test('methods that are not forwarded are refused, CONNECT among them', async () => {
  await refused(
    [
      [
        'CONNECT',
        () => [
          [':method', 'CONNECT'],
          [':authority', 'evil:443'],
        ],
      ],
      ['TRACE', () => having(':method', 'TRACE')],
      ['lower case', () => having(':method', 'get')],
    ],
    { expected: '405', reason: 'gateway.method_not_supported' },
  )
})

test('headers beyond the limits are refused', async () => {
  const lines = Array.from({ length: 101 }, (_, n) => [`x-${n}`, 'v'] as const)
  await refused([['lines', () => and(...lines)]], {
    expected: '431',
    reason: 'gateway.headers_too_large',
  })
  const long = (name: string): readonly [string, string] => [name, 'v'.repeat(6000)]
  const connection = await RawHttp2.open(plane.port)
  const decisions = await decisionsOf(async () => {
    const [first = Buffer.alloc(0), ...more] = [long('x-a'), long('x-b'), long('x-c')].map((one) =>
      headers(1, and(one)),
    )
    assert.ok(more.length === 2 && first.length > 0)
    const block = headers(1, and(long('x-a'), long('x-b')), { endHeaders: false })
    connection.send(block, continuation(1, headers(1, [long('x-c')]).subarray(9), true))
    assert.equal(await connection.outcome(1), '431')
    connection.send(headers(3, usual()))
    assert.equal(await connection.outcome(3), '200', 'others on the connection are served')
  }, 2)
  connection.close()
  assert.deepEqual(decisions.map((decision) => decision.reason).sort(), [
    'gateway.headers_too_large',
    'gateway.open_route',
  ])
  upstream.take()
})

test('a body that is longer than its declared length never reaches the service whole', async () => {
  upstream.take()
  const long = await outcomeOf(and(['content-length', '3']), [data(1, 'abcd', true)])
  assert.match(long, /^(?:GOAWAY|RST)/)
  await delay(100)
  assert.deepEqual(upstream.take(), [])
})

test('a request that is reset with no error is not taken for whole', async () => {
  const connection = await RawHttp2.open(plane.port)
  connection.send(headers(1, and(['x-upload', '1']), { end: false }), data(1, 'abc'))
  await delay(200)
  connection.send(rstStream(1, 0))
  await delay(300)
  connection.close()
  assert.deepEqual(upstream.take(), [], 'the service saw no end of it')
})

test('a trailer that no message may hold spoils its request', async () => {
  upstream.take()
  assert.equal(await outcomeOf(usual(), [data(1, 'abc'), headers(1, [['x-t', 'a\nb']])]), 'RST 1')
  assert.equal(await outcomeOf(usual(), [data(1, 'abc'), headers(1, [['x-t', 'a']])]), '200')
  assert.equal(upstream.take().length, 1)
})

test('without the preface, or when it is cut short, nothing is served as HTTP/2', async () => {
  const wrong = await raw(plane.port, 'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n')
  assert.deepEqual(wrong.statuses, [400])
  const short = await raw(plane.port, 'PRI * HTTP/2.0\r\n', { limit: 300 })
  assert.deepEqual(short.statuses, [])
  const pieces = await raw(plane.port, [
    'G',
    `ET /public/y HTTP/1.1\r\nHost: ${plane.host}\r\n\r\n`,
  ])
  assert.deepEqual(pieces.statuses, [200])
})

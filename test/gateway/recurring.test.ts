import { test } from 'node:test'
import assert from 'node:assert/strict'
import { pushOwn } from '../../src/gateway/forward/headers.ts'
import type { ForwardedFacts } from '../../src/gateway/forward/headers.ts'
import { commonLines } from '../../src/gateway/forward/recurring.ts'
import type { Incoming } from '../../src/gateway/incoming/incoming.ts'
import { RequestParser } from '../../src/http1/index.ts'
import type { HeaderSection } from '../../src/http1/index.ts'
import { InvariantError } from '../../src/core/index.ts'
import { CommonLines } from '../../src/upstream/index.ts'
import { encodeHead } from '../../src/upstream/encode.ts'
import { requestFields } from '../../src/upstream/http2/request-fields.ts'

/** The sections of requests that come one behind the other on a connection. */
function sectionsOf(...lines: readonly string[]): HeaderSection[] {
  const sections: HeaderSection[] = []
  const nothing = (): void => undefined
  const events = {
    head: ({ section }: { section: HeaderSection }) => sections.push(section),
    body: nothing,
    whole: nothing,
    failed: (_: string, detail: string) => assert.fail(detail),
  }
  const parser = new RequestParser(events, 16_384)
  for (const line of lines) {
    parser.feed(Buffer.from(`GET / HTTP/1.1\r\nHost: api\r\n${line}\r\n\r\n`, 'latin1'))
    parser.next()
  }
  return sections
}

function incomingOf(section: HeaderSection | undefined, address = '203.0.113.1'): Incoming {
  const request = { section, rawHeaders: section?.lines ?? [], headers: section?.headers ?? {} }
  return { request, address, requestId: 'id-1' } as unknown as Incoming
}

const facts = {
  upstreamAuthority: 'service:1',
  origin: { scheme: 'http', authority: 'api' },
  writesForwarded: false,
  keepsCredential: false,
} as const

type Facts = Omit<ForwardedFacts, 'assertion'>

function linesOf(section: HeaderSection | undefined, changed: Partial<Facts> = {}): CommonLines {
  const found = commonLines(incomingOf(section), { ...facts, ...changed })
  assert.ok(found !== undefined)
  return found
}

test('a header section that comes once has nothing in common with another', () => {
  const [once, other] = sectionsOf('Accept: a', 'Accept: b')
  assert.equal(commonLines(incomingOf(once), facts), undefined)
  assert.equal(commonLines(incomingOf(other), facts), undefined)
  assert.equal(commonLines(incomingOf(undefined), facts), undefined)
})

test('one that comes again is put together once', () => {
  const [, again, third] = sectionsOf('Accept: a', 'Accept: a', 'Accept: a')
  const lines = linesOf(again)
  assert.deepEqual(lines.flat, [
    'host',
    'service:1',
    'Accept',
    'a',
    'x-forwarded-for',
    '203.0.113.1',
    'x-forwarded-proto',
    'http',
    'x-forwarded-host',
    'api',
  ])
  assert.equal(linesOf(third), lines)
})

test('what is put together for one section is never used for another', () => {
  const sections = sectionsOf('Accept: a', 'Accept: a', 'Accept: b', 'Accept: b', 'Accept: a')
  const [, first, between, second, last] = sections
  const before = linesOf(first).flat
  assert.equal(commonLines(incomingOf(between), facts)?.flat[3], 'b')
  assert.equal(linesOf(second).flat[3], 'b')
  assert.equal(before[3], 'a')
  assert.equal(commonLines(incomingOf(last), facts), undefined)
})

test('nor for another address, service, origin or kind of route', () => {
  const [section] = sectionsOf('Authorization: Bearer ey', 'Authorization: Bearer ey')
  const lines = linesOf(section)
  const others: readonly [string, Partial<Facts>][] = [
    ['service:2', { upstreamAuthority: 'service:2' }],
    ['https', { origin: { scheme: 'https', authority: 'api' } }],
    ['other.api', { origin: { scheme: 'http', authority: 'other.api' } }],
    ['for=203.0.113.1;host="api";proto=http', { writesForwarded: true }],
    ['Bearer ey', { keepsCredential: true }],
  ]
  for (const [shown, changed] of others) {
    assert.equal(lines.flat.includes(shown), false, shown)
    assert.ok(linesOf(section, changed).flat.includes(shown), shown)
    assert.deepEqual(linesOf(section).flat, lines.flat)
  }
  const elsewhere = commonLines(incomingOf(section, '198.51.100.7'), facts)
  assert.ok(elsewhere?.flat.includes('198.51.100.7'))
  assert.ok(linesOf(section).flat.includes('203.0.113.1'))
})

test('it holds nothing that one request has for itself', () => {
  const [section] = sectionsOf('X-Request-Id: theirs', 'X-Request-Id: theirs')
  const { flat } = linesOf(section)
  for (const own of ['x-request-id', 'X-Request-Id', 'theirs', 'id-1', 'x-proofgate-assertion']) {
    assert.equal(flat.includes(own), false, own)
  }
  const out: string[] = []
  pushOwn(out, incomingOf(section), { assertion: 'ours' })
  assert.deepEqual(out, ['x-request-id', 'id-1', 'x-proofgate-assertion', 'ours'])
})

test('lines in common are written as any others, before them', () => {
  const request = { method: 'GET', target: '/', framing: { kind: 'none' } } as const
  const lines = ['host', 'a', 'x-caf\xe9'.slice(0, 5), 'caf\xe9']
  const common = new CommonLines(lines)
  const own = ['x-request-id', 'id-1']
  for (let times = 0; times < 2; times += 1) {
    assert.equal(
      encodeHead({ ...request, common, headers: own }),
      encodeHead({ ...request, headers: [...lines, ...own] }),
    )
    assert.deepEqual(
      requestFields({ ...request, common, headers: own }, 'http'),
      requestFields({ ...request, headers: [...lines, ...own] }, 'http'),
    )
  }
})

test('they are judged as any others', () => {
  const request = { method: 'GET', target: '/', framing: { kind: 'none' } } as const
  const bad: readonly (readonly [readonly string[], readonly string[]])[] = [
    [['host', 'a', 'x', 'y\r\nz: w'], []],
    [['host', 'a', 'x\r\ny', 'z'], []],
    [['host', 'a', 'content-length', '1'], []],
    [['host', 'a', 'odd'], []],
    [['host', 'a', 'Host', 'b'], []],
    [
      ['host', 'a'],
      ['host', 'b'],
    ],
    [
      ['x', 'y'],
      ['x-request-id', 'id-1'],
    ],
  ]
  for (const [lines, headers] of bad) {
    const common = new CommonLines(lines)
    for (let times = 0; times < 2; times += 1) {
      assert.throws(() => encodeHead({ ...request, common, headers }), InvariantError)
    }
  }
})

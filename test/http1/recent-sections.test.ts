import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecentSections, RequestParser } from '../../src/http1/index.ts'
import type { RequestHead } from '../../src/http1/index.ts'

/** The heads of one connection. */
function heads(bytes: string, recent: RecentSections | undefined): readonly RequestHead[] {
  const found: RequestHead[] = []
  const events = {
    head: (head: RequestHead) => found.push(head),
    body: () => undefined,
    whole: () => undefined,
    failed: () => undefined,
  }
  const parser = new RequestParser(events, 16_384, recent)
  let rest = Buffer.from(bytes, 'latin1')
  while (rest.length > 0) {
    rest = rest.subarray(parser.feed(rest))
    parser.next()
  }
  return found
}

const request = (lines: string, version = 'HTTP/1.1'): string =>
  `GET /x ${version}\r\nHost: a.localhost\r\n${lines}\r\n`

function sectionOf(bytes: string, recent: RecentSections): RequestHead['section'] | undefined {
  return heads(bytes, recent)[0]?.section
}

test('connections that begin with the same header section share it', () => {
  const recent = new RecentSections()
  const first = sectionOf(request('Authorization: Bearer a\r\n'), recent)
  assert.ok(first !== undefined)
  assert.equal(first.recurs, false)
  const [second] = heads(request('Authorization: Bearer a\r\n').replace('/x', '/other'), recent)
  assert.equal(second?.section, first)
  assert.equal(second?.target, '/other')
  assert.equal(first.recurs, true)
})

test('one that differs in a byte, or in the version, is another', () => {
  const recent = new RecentSections()
  const first = sectionOf(request('Authorization: Bearer a\r\n'), recent)
  for (const other of [
    request('Authorization: Bearer b\r\n'),
    request('Authorization: Bearer a \r\n'),
    request('authorization: Bearer a\r\n'),
    request('Authorization: Bearer a\r\n', 'HTTP/1.0'),
  ]) {
    const section = sectionOf(other, recent)
    assert.ok(section !== undefined && section !== first)
    assert.equal(section.isCurrent, other.includes('HTTP/1.1'))
  }
  assert.equal(sectionOf(request('Authorization: Bearer a\r\n'), recent)?.isCurrent, true)
})

test('what is wrong with one is found each time', () => {
  const recent = new RecentSections()
  const twice = request('Host: b.localhost\r\n')
  assert.equal(sectionOf(twice, recent)?.flaw, 'two host lines')
  assert.equal(sectionOf(twice, recent)?.flaw, 'two host lines')
  assert.deepEqual(heads(request('Bad\r\n'), recent), [])
  assert.deepEqual(heads(request('Bad\r\n'), recent), [])
})

test('only that of the first request counts', () => {
  const recent = new RecentSections()
  const [, behind] = heads(request('X: 1\r\n') + request('X: 2\r\n'), recent)
  assert.ok(behind !== undefined)
  assert.notEqual(sectionOf(request('X: 2\r\n'), recent), behind.section)
})

test('what was not met between two looks is let go, and what was met stays', () => {
  const recent = new RecentSections()
  const [met, unmet] = [request('X: met\r\n'), request('X: unmet\r\n')]
  const [first, second] = [sectionOf(met, recent), sectionOf(unmet, recent)]
  recent.age()
  assert.equal(sectionOf(met, recent), first)
  recent.age()
  assert.equal(sectionOf(met, recent), first)
  assert.notEqual(sectionOf(unmet, recent), second)
})

test('no more than so many are kept, and none that is long', () => {
  const recent = new RecentSections()
  const bytes = (count: number): string => request(`X: ${count}\r\n`)
  const first = sectionOf(bytes(0), recent)
  for (let count = 1; count <= 64; count += 1) sectionOf(bytes(count), recent)
  assert.notEqual(sectionOf(bytes(0), recent), first)
  const long = request(`X: ${'x'.repeat(4096)}\r\n`)
  assert.notEqual(sectionOf(long, recent), sectionOf(long, recent))
})

test('without any, each connection reads its own', () => {
  const one = heads(request(''), undefined)
  assert.notEqual(heads(request(''), undefined)[0]?.section, one[0]?.section)
})

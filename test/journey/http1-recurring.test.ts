import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { head, raw } from '../kit/raw.ts'
import { headerOf, RecordingUpstream } from '../kit/upstream.ts'

/* Requests of one connection with the same header section share what is forwarded of it, and nothing else. */

let plane: DataPlane
const upstream = new RecordingUpstream()
/** The last request of each connection ends it. */
const patient = { quiet: 20_000 }

before(async () => {
  plane = await startDataPlane({ upstream: await upstream.listen() })
})

after(async () => {
  await plane.finish().finally(() => upstream.close())
})

/** The request ids in a text of several answers, in order. */
function idsIn(text: string): string[] {
  return [...text.matchAll(/^x-request-id: (\S+)\r$/gim)].map(([, id = '']) => id)
}

test('open and closed routes in turn: a credential goes where it may, and nobody is vouched for elsewhere', async () => {
  const lines = [
    `Host: ${plane.host}`,
    `Authorization: Bearer ${plane.mint.token(plane.alice)}`,
    'X-Mark: 1',
  ]
  const paths = ['/public/1', '/public/2', '/app/3', '/app/4', '/public/5', '/app/6', '/public/7']
  const requests = paths.map((path) => head(`GET ${path} HTTP/1.1`, ...lines))
  const last = head('GET /public/8 HTTP/1.1', ...lines, 'Connection: close')
  const answer = await raw(plane.port, [...requests, last].join(''), patient)
  assert.deepEqual(
    answer.statuses,
    Array.from({ length: 8 }, () => 200),
  )
  const seen = upstream.take()
  assert.deepEqual(
    seen.map(({ url }) => url),
    [...paths, '/public/8'],
  )
  for (const one of seen) {
    const isOpen = one.url.startsWith('/public/')
    assert.equal(headerOf(one, 'authorization').length, isOpen ? 1 : 0, one.url)
    assert.equal(headerOf(one, 'x-proofgate-assertion').length, isOpen ? 0 : 1, one.url)
    assert.equal(headerOf(one, 'host').length, 1, one.url)
    assert.deepEqual(headerOf(one, 'x-mark'), ['1'])
    assert.deepEqual(headerOf(one, 'x-forwarded-for'), ['127.0.0.1'])
  }
  const ids = seen.flatMap((one) => headerOf(one, 'x-request-id'))
  assert.equal(new Set(ids).size, 8)
  assert.deepEqual(idsIn(answer.text), ids)
})

test('a section that changes is forwarded as it is now', async () => {
  const marks = ['a', 'a', 'a', 'b', 'b', 'a', 'b']
  const requests = marks.map((mark) =>
    head('GET /public/x HTTP/1.1', `Host: ${plane.host}`, `X-Mark: ${mark}`),
  )
  const last = head('GET /public/x HTTP/1.1', `Host: ${plane.host}`, 'Connection: close')
  const answer = await raw(plane.port, [...requests, last].join(''), patient)
  assert.equal(answer.statuses.length, marks.length + 1)
  assert.deepEqual(
    upstream.take().map((one) => headerOf(one, 'x-mark').join()),
    [...marks, ''],
  )
})

test('answers with the same head share its lines, and each has its own request id and body', async () => {
  let count = 0
  upstream.answer = (request, response) => {
    count += 1
    response.sendDate = false
    response.writeHead(200, {
      'x-mark': count < 4 ? 'a' : 'b',
      'x-request-id': 'theirs',
      'set-cookie': ['pg_api=evil', 'theirs=1'],
      'content-length': 1,
    })
    response.end(String(count))
    return request.url !== undefined
  }
  const request = head('GET /public/x HTTP/1.1', `Host: ${plane.host}`)
  const last = head('GET /public/x HTTP/1.1', `Host: ${plane.host}`, 'Connection: close')
  const { text, statuses } = await raw(plane.port, request.repeat(5) + last, patient)
  upstream.answer = () => false
  assert.equal(statuses.length, 6)
  const answers = text.split(/(?=HTTP\/1\.1 200)/)
  for (const [at, one] of answers.entries()) {
    assert.match(one, new RegExp(`^x-mark: ${at < 3 ? 'a' : 'b'}\r$`, 'm'))
    assert.equal(one.match(/^x-request-id: /gim)?.length, 1)
    assert.equal(one.match(/^set-cookie: /gim)?.length, 1)
    assert.equal(one.match(/^content-length: 1\r$/gim)?.length, 1)
    assert.ok(one.endsWith(`\r\n\r\n${at + 1}`), one)
    assert.equal(/^connection: close\r$/im.test(one), at === 5)
  }
  const ids = idsIn(text)
  assert.equal(new Set(ids).size, 6)
  assert.equal(ids.includes('theirs'), false)
})

import assert from 'node:assert/strict'
import { connect } from 'node:http2'
import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2'
import { after, before, describe, it } from 'node:test'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

const routes = `
      - { method: POST, path: '/open/{id}', authorizer: open, rewrite: { path: '/to/{id}' }, headers: { request: { set: { x-id: '{id}' } } } }
      - { method: ANY, path: /fixed, authorizer: open, respond: { json: { a: 1 } } }
      - { method: ANY, path: /empty, authorizer: open, respond: { status: 204 } }
      - { method: GET, path: '/old/{id}', authorizer: open, redirect: { to: '/new/{id}' } }
      - { method: GET, path: /closed, authorizer: open, maintenance: { message: Moving } }
    headers: { response: { remove: [x-secret], set: { x-added: here } } }
    cors: { origins: ['https://app.example.com'] }
`
const origin = 'https://app.example.com'

describe('what routes do, over HTTP/2', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  let plane: DataPlane
  let session: ClientHttp2Session

  before(async () => {
    plane = await startDataPlane({
      upstream: await upstream.listen(),
      routes,
      more: 'listeners: { public: { h2c: true } }',
    })
    session = connect(`http://127.0.0.1:${plane.port}`)
    session.on('error', () => undefined)
  })
  after(async () => {
    session?.destroy()
    await plane.finish().finally(() => upstream.close())
  })

  function ask(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body = '',
  ): Promise<{ headers: IncomingHttpHeaders & { ':status'?: number }; text: string }> {
    return new Promise((resolve, reject) => {
      const lines = { ':method': method, ':path': path, ':authority': plane.host, ...headers }
      const stream = session.request(lines, { endStream: body === '' })
      let received: IncomingHttpHeaders = {}
      let text = ''
      stream.on('response', (found) => (received = found))
      stream.setEncoding('utf8').on('data', (piece: string) => (text += piece))
      stream.on('end', () => resolve({ headers: received, text }))
      stream.on('error', reject)
      if (body !== '') stream.end(body)
    })
  }

  it('is the same on the way to the service and back', async () => {
    upstream.answer = (_request, response) => {
      response.setHeader('x-secret', '1')
      return false
    }
    const { headers, text } = await ask('POST', '/open/%37', { origin, 'x-id': 'forged' }, 'abc')
    upstream.answer = () => false
    assert.equal(headers[':status'], 200)
    assert.equal(headers['x-added'], 'here')
    assert.equal(headers['x-secret'], undefined)
    assert.equal(headers['access-control-allow-origin'], origin)
    const seen = JSON.parse(text)
    assert.equal(seen.url, '/to/7')
    assert.equal(seen.body, 'abc')
    assert.ok(seen.headers.includes('7') && !seen.headers.includes('forged'))
    upstream.take()
  })

  it('is the same where no service is asked', async () => {
    const fixed = await ask('GET', '/fixed', { origin })
    assert.deepEqual([fixed.headers[':status'], fixed.text], [200, '{"a":1}'])
    assert.equal(fixed.headers['access-control-allow-origin'], origin)
    const head = await ask('HEAD', '/fixed')
    assert.deepEqual([head.headers[':status'], head.text], [200, ''])
    const empty = await ask('POST', '/empty', {}, 'abc')
    assert.deepEqual([empty.headers[':status'], empty.text], [204, ''])
    assert.equal((await ask('GET', '/old/3')).headers.location, '/new/3')
    const closed = await ask('GET', '/closed')
    assert.deepEqual([closed.headers[':status'], JSON.parse(closed.text).title], [503, 'Moving'])
    assert.deepEqual(upstream.take(), [])
  })

  it('is the same for preflights', async () => {
    const asked = { origin, 'access-control-request-method': 'POST' }
    const allowed = await ask('OPTIONS', '/open/7', asked)
    assert.equal(allowed.headers[':status'], 204)
    assert.equal(allowed.headers['access-control-allow-methods'], 'POST')
    const other = await ask('OPTIONS', '/open/7', { ...asked, origin: 'https://evil.example' })
    assert.equal(other.headers[':status'], 403)
    assert.equal(other.headers['access-control-allow-origin'], undefined)
    assert.equal((await ask('OPTIONS', '/hidden', asked)).headers[':status'], 404)
    assert.deepEqual(upstream.take(), [])
  })
})

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { head, problemIn, raw } from '../kit/raw.ts'
import type { RawAnswer } from '../kit/raw.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

describe('the total time-out of a route', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  let plane: DataPlane

  before(async () => {
    plane = await startDataPlane({
      upstream: await upstream.listen(),
      routes:
        "      - { method: GET, path: '/timed/{rest+}', authorizer: open, timeouts: { total: 2s } }\n",
    })
  })
  after(async () => {
    await plane.finish().finally(() => upstream.close())
  })

  function ask(path: string, accept = '*/*'): Promise<RawAnswer> {
    return raw(
      plane.port,
      head(`GET ${path} HTTP/1.1`, `Host: ${plane.host}`, 'Connection: close', `Accept: ${accept}`),
      { quiet: 10_000 },
    )
  }

  it('is answered 504 before an answer began', async () => {
    upstream.answer = () => true
    const answer = await ask('/timed/never')
    upstream.answer = () => false
    assert.deepEqual(answer.statuses, [504])
    assert.match(problemIn(answer).code, /timeout/)
  })

  it('cuts an answer short that keeps coming, and only on that route', async () => {
    upstream.answer = (_request, response) => {
      response.writeHead(200, { 'content-length': '20' })
      response.write('a')
      let sent = 1
      const timer = setInterval(() => {
        response.write('a')
        sent += 1
        if (sent === 20) response.end()
      }, 200)
      response.on('close', () => clearInterval(timer))
      return true
    }
    const [cut, asked, whole] = await Promise.all([
      ask('/timed/slow'),
      ask('/timed/slow', 'text/event-stream'),
      ask('/public/slow'),
    ])
    upstream.answer = () => false
    assert.deepEqual(cut.statuses, [200])
    assert.ok(cut.closed && /\r\n\r\na{1,19}$/.test(cut.text), cut.text)
    assert.ok(asked.closed && /\r\n\r\na{1,19}$/.test(asked.text), 'no caller lifts it by asking')
    assert.match(whole.text, /\r\n\r\na{20}$/)
  })
})

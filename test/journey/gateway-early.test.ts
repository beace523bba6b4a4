import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Socket } from 'node:net'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { head, raw } from '../kit/raw.ts'
import { RawUpstream } from '../kit/upstream.ts'

/* Services that answer, or leave, before they are expected to. */

let plane: DataPlane
const service = new RawUpstream()
const bounded = { timeout: 60_000 }
/** By path; an answer to a path that is not here is empty. */
const answers = new Map<string, (socket: Socket) => void>()

before(async () => {
  service.serve = (socket, request) => {
    const path = /\/public\/(\w+)/.exec(request)?.[1] ?? ''
    const answer = answers.get(path)
    if (answer === undefined) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
    else answer(socket)
  }
  plane = await startDataPlane({
    upstream: await service.listen(),
    upstreamKeys: 'timeouts: { connect: 5s, headers: 60s, idle: 60s }',
    more: 'listeners: { public: { h2c: true } }',
  })
})

after(async () => {
  await plane.finish()
  service.close()
})

test(
  'an answer that is cut while it waits behind another ends the connection in its turn',
  bounded,
  async () => {
    const cut = Promise.withResolvers<void>()
    answers.set('slow', (socket) => {
      void cut.promise.then(() => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nslow'))
    })
    answers.set('cut', (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\npart')
      socket.end()
      socket.on('close', () => setTimeout(cut.resolve, 200))
    })
    const get = (path: string): string =>
      head(`GET /public/${path} HTTP/1.1`, `Host: ${plane.host}`)
    const { closed, text } = await raw(plane.port, get('slow') + get('cut'), { quiet: 10_000 })
    assert.match(text, /slow$/)
    assert.ok(closed, 'the caller was left waiting')
  },
)

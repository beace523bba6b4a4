import assert from 'node:assert/strict'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { decisionsDuring, startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { until } from '../kit/operations.ts'
import { head, raw } from '../kit/raw.ts'
import { RawUpstream, RecordingUpstream } from '../kit/upstream.ts'

const bounded = { timeout: 120_000 }

interface Heard {
  readonly text: string
  readonly statuses: readonly number[]
}

/** Sends these bytes and ends its side at once; everything that comes back until the other side ends too. */
function sendAndEnd(port: number, bytes: string): Promise<Heard> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    socket.on('error', () => undefined)
    socket.on('end', () => socket.destroy())
    socket.on('close', () => {
      const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]))
      resolve({ text, statuses })
    })
    socket.end(bytes, 'latin1')
  })
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket))
    socket.once('error', reject)
  })
}

for (const halfClose of [true, false]) {
  describe(`callers that end their side, with halfClose: ${halfClose}`, bounded, () => {
    const service = new RecordingUpstream()
    let plane: DataPlane
    let host = ''
    before(async () => {
      plane = await startDataPlane({
        upstream: await service.listen(),
        more: `listeners: { public: { halfClose: ${halfClose} } }`,
      })
      host = `Host: ${plane.host}`
    })
    after(() => plane.finish().finally(() => service.close()))

    it('read why what they sent is no request', async () => {
      for (const [bytes, status] of [
        ['\x16\x03\x01\r\n\r\n', 400],
        [head('GET /public/x HTTP/1.1', host, 'A : b'), 400],
        [`GET /public/x HTTP/1.1\r\n${host}\r\n`, 400],
        [`GET /public/x HTTP/1.1\r\n${host}\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
        [head('CONNECT a:1 HTTP/1.1', host), 405],
      ] as const) {
        const heard: number[] = []
        const records = await decisionsDuring(plane, async () => {
          heard.push(...(await sendAndEnd(plane.port, bytes)).statuses)
        })
        assert.deepEqual(heard, [status], bytes.slice(0, 60))
        assert.equal(records.length, 1)
      }
      assert.deepEqual(service.take(), [])
    })

    it('read that their body was cut', async () => {
      for (const bytes of [
        `${head('POST /app/x HTTP/1.1', host, 'Content-Length: 10')}hello`,
        `${head('POST /public/x HTTP/1.1', host, 'Transfer-Encoding: chunked')}5\r\nhello\r\n`,
      ]) {
        const { statuses } = await sendAndEnd(plane.port, bytes)
        assert.ok(statuses.every((status) => status === 400 || status === 401))
        assert.ok(statuses.length <= 1)
      }
      assert.deepEqual(service.take(), [], 'a body that was cut reached the service as whole')
    })

    it(`are ${halfClose ? '' : 'not '}answered when their request is whole`, async () => {
      const body = head('POST /public/x HTTP/1.1', host, 'Content-Length: 5')
      const { statuses, text } = await sendAndEnd(plane.port, `${body}hello`)
      if (halfClose) {
        assert.deepEqual(statuses, [200])
        assert.match(text, /connection: close/i)
      } else assert.ok(statuses.length <= 1)
      service.take()
    })

    it(`are ${halfClose ? '' : 'not '}answered to each request of a pipeline`, async () => {
      const get = (path: string): string => head(`GET /public/${path} HTTP/1.1`, host)
      const { statuses, text } = await sendAndEnd(plane.port, get('1') + get('2') + get('3'))
      if (halfClose) {
        assert.deepEqual(statuses, [200, 200, 200], text)
        assert.equal(text.match(/connection: close/gi)?.length, 1)
      } else assert.ok(statuses.length <= 1)
      const cut = await sendAndEnd(plane.port, `${get('1')}GET /public/2 HT`)
      if (halfClose) assert.deepEqual(cut.statuses, [200, 400], cut.text)
      service.take()
    })
  })
}

describe('connections of callers', bounded, () => {
  const service = new RawUpstream()
  const heads: string[] = []
  const held: Socket[] = []
  let plane: DataPlane
  let host = ''
  before(async () => {
    service.serve = (socket, text) => {
      heads.push(text.slice(0, text.indexOf('\r\n')))
      if (text.includes('/held')) held.push(socket)
      if (text.includes('/held')) return
      if (text.includes('/no-content')) {
        socket.write('HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n')
      } else if (text.includes('/cut')) {
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n')
        setTimeout(() => socket.destroy(), 200)
      } else if (text.includes('/big')) {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n${'b'.repeat(8_000_000)}`)
      } else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    }
    plane = await startDataPlane({
      upstream: await service.listen(),
      upstreamKeys: 'timeouts: { connect: 5s, headers: 60s, idle: 60s }',
    })
    host = `Host: ${plane.host}`
  })
  after(() => plane.finish().finally(() => service.close()))
  const get = (path: string): string => head(`GET /public/${path} HTTP/1.1`, host)

  it('end with a caller that resets, and nothing behind its request is decided on', async () => {
    heads.length = 0
    const records = await decisionsDuring(
      plane,
      async () => {
        const socket = await open(plane.port)
        socket.on('error', () => undefined)
        socket.write(get('big') + get('never'))
        await until('the service is asked', () => heads.length > 0)
        // The answer does not fit into what the system holds, so some of it waits to leave.
        socket.once('data', () => socket.pause())
        await until('the answer begins', () => socket.isPaused())
        await new Promise((resolve) => setTimeout(resolve, 300))
        socket.resetAndDestroy()
        const after = await raw(plane.port, get('after'), { quiet: 300 })
        assert.deepEqual(after.statuses, [200])
      },
      2,
    )
    assert.deepEqual(
      heads.filter((line) => line.includes('never')),
      [],
    )
    assert.deepEqual(
      records.map(({ what }) => what?.['path']),
      ['/public/big', '/public/after'],
    )
  })

  it('take what comes in single bytes behind a request that waits', async () => {
    const socket = await open(plane.port)
    socket.setNoDelay(true)
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    heads.length = 0
    socket.write(get('held'))
    await until('the service is asked', () => heads.length === 1)
    for (const byte of get('dripped')) {
      await new Promise((resolve) => socket.write(byte, resolve))
    }
    held[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nheld')
    await until('both are answered', () => /held[^]*ok$/.test(text))
    assert.equal(text.match(/HTTP\/1\.1 200/g)?.length, 2)
    socket.destroy()
  })

  it('carry no length in an answer that has no body', async () => {
    const { text, statuses } = await raw(plane.port, get('no-content') + get('next'), {
      quiet: 500,
      answers: 2,
    })
    assert.deepEqual(statuses, [204, 200])
    assert.doesNotMatch(text.slice(0, text.indexOf('\r\n\r\n')), /content-length/i)
  })

  it('never end as if an answer were whole that was cut, for callers that have nothing else to go by', async () => {
    for (const version of ['1.0', '1.1']) {
      const socket = await open(plane.port)
      let text = ''
      let end = ''
      socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
      socket.on('end', () => (end ||= 'ended'))
      socket.on('error', (error: NodeJS.ErrnoException) => (end ||= error.code ?? 'failed'))
      socket.on('close', () => (end ||= 'closed'))
      socket.write(head(`GET /public/cut HTTP/${version}`, host))
      await until('the connection is over', () => end !== '')
      socket.destroy()
      const isChunked = /transfer-encoding: chunked/i.test(text)
      assert.equal(isChunked, version === '1.1')
      if (isChunked) assert.doesNotMatch(text, /\r\n0\r\n/)
      else assert.equal(end, 'ECONNRESET', text)
    }
  })

  it('of our own pages go on behind a body that nobody read, and end behind chunks that are none', async () => {
    const own = `Host: ${new URL(plane.gateway.issuer).host}`
    const body = 'x'.repeat(50_000)
    const unread = `${head('POST /sign-in HTTP/1.1', own, 'Content-Length: 50000')}${body}`
    const again = head('GET /sign-in HTTP/1.1', own)
    const { statuses, closed } = await raw(plane.port, [unread + again], {
      quiet: 2000,
      answers: 2,
    })
    assert.equal(statuses.length, 2, statuses.join())
    assert.ok(!closed)
    const bad = [
      head('POST /oauth2/token HTTP/1.1', own, 'Transfer-Encoding: chunked'),
      'zz\r\n',
      again,
    ]
    const broken = await raw(plane.port, bad, { quiet: 20_000 })
    assert.deepEqual(broken.statuses, [400], broken.text)
    assert.ok(broken.closed)
  })
})

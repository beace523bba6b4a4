import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { decisionsDuring, startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { until } from '../kit/operations.ts'
import { head, problemIn, raw } from '../kit/raw.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

const smuggled = 'GET /admin/x HTTP/1.1\r\nHost: gw\r\n\r\n'

describe('the framing of requests', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  let plane: DataPlane
  let host: string

  before(async () => {
    plane = await startDataPlane({
      upstream: await upstream.listen(),
      limits: '{ drain: 1s, requestHeaderTimeout: 2s, keepAlive: 2s }',
    })
    host = `Host: ${plane.host}`
  })
  after(async () => {
    await plane.finish().finally(() => upstream.close())
  })

  /** Sends one message that must be refused: one answer, one record, nothing upstream. */
  async function refuses(
    bytes: string | readonly string[],
    statuses: readonly number[],
    label: string,
  ): Promise<void> {
    let text = ''
    const records = await decisionsDuring(plane, async () => {
      const answer = await raw(plane.port, bytes, { quiet: 4000 })
      text = answer.text
      assert.equal(answer.statuses.length, 1, `${label}: ${answer.text}`)
      assert.ok(statuses.includes(answer.statuses[0] ?? 0), `${label}: ${answer.text}`)
      assert.ok(answer.closed, `${label} leaves the connection open`)
    })
    assert.equal(records.length, 1, `${label}: ${JSON.stringify(records)}`)
    assert.equal(records[0]?.outcome, 'deny', label)
    assert.equal(problemIn({ text, closed: true, statuses: [] }).requestId, records[0]?.id, label)
    assert.deepEqual(upstream.take(), [], label)
  }

  const post = (...lines: string[]): string => head('POST /public/x HTTP/1.1', host, ...lines)

  it('refuses content-length with transfer-encoding, in either order', async () => {
    await refuses(
      `${post('Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
      [400],
      'A01',
    )
    await refuses(
      `${post('Transfer-Encoding: chunked', 'Content-Length: 5')}0\r\n\r\n`,
      [400],
      'A01',
    )
  })

  it('refuses two content-length lines and reads nothing after them', async () => {
    for (const lines of [
      ['Content-Length: 0', 'Content-Length: 37'],
      ['Content-Length: 37', 'Content-Length: 0'],
      ['Content-Length: 37', 'Content-Length: 37'],
      ['Content-Length: 37, 37'],
    ]) {
      await refuses(`${post(...lines)}${smuggled}`, [400], `A02 ${lines.join()}`)
    }
  })

  it('refuses a blank before the colon, folded lines and bare line feeds', async () => {
    for (const lines of [
      ['Content-Length : 5'],
      ['Transfer-Encoding : chunked'],
      ['X-A: b', ' folded'],
      ['X-A: b\nX-B: c'],
      ['X\u0000A: b'],
      ['X-A: b\u0000c'],
      [': empty'],
      ['Content-Length: +5'],
      ['Content-Length: 0x5'],
      ['Content-Length: -1'],
      ['Content-Length: '],
      ['Content-Length: 99999999999999999999'],
    ]) {
      await refuses(`${post(...lines)}hello`, [400, 413], `A06 ${JSON.stringify(lines)}`)
    }
  })

  it('refuses every transfer coding but exactly chunked', async () => {
    for (const value of [
      'cow, chunked',
      'gzip, chunked',
      'chunked, identity',
      'identity',
      ',chunked',
      'chunked, chunked',
      'chunked;a=b',
      '"chunked"',
      'xchunked',
    ]) {
      await refuses(`${post(`Transfer-Encoding: ${value}`)}0\r\n\r\n`, [400, 501], `A08 ${value}`)
    }
    await refuses(
      `${post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
      [400],
      'A08 twice',
    )
  })

  it('refuses transfer-encoding in HTTP/1.0, and protocols it does not speak', async () => {
    await refuses(
      `${head('POST /public/x HTTP/1.0', host, 'Transfer-Encoding: chunked', 'Connection: keep-alive')}0\r\n\r\n`,
      [400],
      'A11',
    )
    for (const version of [
      'HTTP/2.0',
      'HTTP/0.9',
      'HTTP/1.2',
      'HTTP/1.10',
      'http/1.1',
      'ICE/1.0',
    ]) {
      await refuses(head(`GET /public/x ${version}`, host), [400, 505], version)
    }
    await refuses('GET /public/x\r\n\r\n', [400], 'HTTP/0.9')
  })

  it('answers a broken chunk once, with one record, and ends the connection', async () => {
    for (const size of [
      '0x1',
      '+1',
      '-0',
      '0_2e',
      ' 1',
      'FFFFFFFFFFFFFFFFF',
      `1;${'e'.repeat(100_000)}`,
      '1\r\r;a',
      '1;a\nxx',
      'g',
    ]) {
      const label = JSON.stringify(size.slice(0, 30))
      let closed = false
      let ids: string[] = []
      const records = await decisionsDuring(plane, async () => {
        const answer = await raw(
          plane.port,
          `${post('Transfer-Encoding: chunked')}${size}\r\na\r\n0\r\n\r\n${smuggled}`,
          { quiet: 4000 },
        )
        closed = answer.closed
        assert.ok(answer.statuses.length <= 1, `${label}: ${answer.text}`)
        assert.ok([400, 413, undefined].includes(answer.statuses[0]), `${label}: ${answer.text}`)
        if (answer.statuses.length === 1) ids = [problemIn(answer).requestId]
      })
      assert.ok(closed, label)
      assert.equal(records.length, 1, `${label}: ${JSON.stringify(records)}`)
      if (ids.length > 0) assert.equal(ids[0], records[0]?.id, label)
      assert.deepEqual(upstream.take(), [], label)
    }
  })

  it('never adds a second answer to one that has begun', async () => {
    upstream.answer = (_request, response) => {
      response.write('begun')
      return true
    }
    const answer = await raw(
      plane.port,
      [`${post('Transfer-Encoding: chunked')}5\r\nhello\r\n`, 'nonsense\r\n'],
      { quiet: 4000, inTurn: true },
    )
    upstream.answer = () => false
    assert.deepEqual(answer.statuses, [200])
    assert.ok(answer.closed)
    assert.ok(!answer.text.endsWith('0\r\n\r\n'), 'the answer was cut, not ended as if whole')
  })

  it('forwards the body of a GET as a body', async () => {
    const body = 'GET /admin/x HTTP/1.1\r\nHost: gw\r\n\r\n___'
    const answer = await raw(
      plane.port,
      `${head('GET /public/x HTTP/1.1', host, `Content-Length: ${body.length}`)}${body}`,
    )
    assert.deepEqual(answer.statuses, [200])
    const seen = upstream.take()
    assert.equal(seen.length, 1)
    assert.equal(seen[0]?.body, body)
  })

  it('refuses missing, doubled and broken host lines', async () => {
    await refuses(head('GET /public/x HTTP/1.1', host, 'Host: evil'), [400], 'A20')
    await refuses(head('GET /public/x HTTP/1.1', 'Host: evil', host), [400], 'A20')
    await refuses(head('GET /public/x HTTP/1.1', host, host), [400], 'A20')
    await refuses(head('GET /public/x HTTP/1.1'), [400], 'no host')
    await refuses(head('GET /public/x HTTP/1.0'), [400], 'no host')
  })

  it('answers hosts it does not serve with 421', async () => {
    for (const name of [
      '',
      'evil',
      'u:p@gw',
      `${plane.host}/x`,
      `x.${plane.host}`,
      `${plane.host}@evil`,
    ]) {
      const answer = await raw(
        plane.port,
        head('GET /public/x HTTP/1.1', `Host: ${name}`, 'Connection: close'),
      )
      assert.deepEqual(answer.statuses, [421], name)
      assert.deepEqual(upstream.take(), [])
    }
  })

  it('refuses absolute, authority and asterisk targets and keeps credentials in them out of the record', async () => {
    const secret = 'hunter2'
    for (const target of [
      'http://evil/app/x',
      `http://u:${secret}@${plane.host}/public/x`,
      `https://${plane.host}/public/x`,
      '*',
      'public/x',
      `/public/x#access_token=${secret}`,
    ]) {
      const records = await decisionsDuring(plane, async () => {
        const answer = await raw(plane.port, head(`GET ${target} HTTP/1.1`, host), { quiet: 3000 })
        assert.deepEqual(answer.statuses, [400], target)
      })
      assert.equal(records.length, 1, target)
      assert.ok(!JSON.stringify(records).includes(secret), JSON.stringify(records))
      assert.deepEqual(upstream.take(), [])
    }
  })

  it('opens no connection for CONNECT and serves no TRACE', async () => {
    await refuses(head('CONNECT evil:443 HTTP/1.1', 'Host: evil:443'), [400, 405], 'A25')
    for (const method of ['TRACE', 'PROPFIND', 'get', 'LOCK', 'QUERY']) {
      const answer = await raw(
        plane.port,
        head(`${method} /public/x HTTP/1.1`, host, 'Connection: close'),
      )
      assert.ok([400, 405].includes(answer.statuses[0] ?? 0), `${method}: ${answer.text}`)
      assert.deepEqual(upstream.take(), [])
    }
  })

  it('treats a wish for h2c as an ordinary request', async () => {
    const answer = await raw(plane.port, [
      head(
        'GET /public/x HTTP/1.1',
        host,
        'Connection: Upgrade, HTTP2-Settings',
        'Upgrade: h2c',
        'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA',
      ),
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    ])
    assert.equal(answer.statuses[0], 200)
    assert.ok(!answer.text.includes('101 Switching'))
    const seen = upstream.take()
    assert.equal(seen.length, 1)
    assert.doesNotMatch(seen[0]?.headers.join('\n') ?? '', /h2c|http2-settings|upgrade/i)
  })

  it('refuses expectations it does not know and answers 100 before a body it wants', async () => {
    await refuses(post('Expect: a-pony', 'Content-Length: 1') + 'x', [400, 417], 'expectation')
    const answer = await raw(
      plane.port,
      [post('Expect: 100-continue', 'Content-Length: 5'), 'hello'],
      { answers: 2, inTurn: true },
    )
    assert.deepEqual(answer.statuses, [100, 200])
    assert.equal(upstream.take()[0]?.body, 'hello')
  })

  it('asks for no body it will refuse, and ends that connection', async () => {
    const answer = await raw(
      plane.port,
      head('POST /app/x HTTP/1.1', host, 'Expect: 100-continue', 'Content-Length: 40') + smuggled,
      { quiet: 3000 },
    )
    assert.deepEqual(answer.statuses, [401])
    assert.ok(answer.closed)
    assert.deepEqual(upstream.take(), [])
  })

  it('bounds the target, the header section and its lines', async () => {
    await refuses(
      head('GET /public/x HTTP/1.1', host, `X-A: ${'a'.repeat(17_000)}`),
      [431],
      'bytes',
    )
    await refuses(
      head('GET /public/x HTTP/1.1', host, ...Array.from({ length: 100 }, (_, n) => `X-${n}: 1`)),
      [431],
      'lines',
    )
    const long = await raw(
      plane.port,
      head(`GET /public/${'a'.repeat(8192)} HTTP/1.1`, host, 'Connection: close'),
    )
    assert.deepEqual(long.statuses, [414])
    assert.deepEqual(upstream.take(), [])
  })

  it('ends connections that never send a whole header, each with a record', async () => {
    const records = await decisionsDuring(plane, async () => {
      const [silent, slow] = await Promise.all([
        raw(plane.port, '', { quiet: 9000 }),
        raw(plane.port, ['G', 'E', 'T', ' ', '/'], { quiet: 9000 }),
      ])
      assert.ok(silent.closed)
      assert.ok(slow.closed)
      assert.deepEqual(slow.statuses, [408])
    })
    assert.ok(records.length >= 1)
  })

  it('counts the time for a header from the end of the requests before it', async (t) => {
    const { connect } = await import('node:net')
    const held: (() => void)[] = []
    upstream.answer = ({ url }, response) => {
      if (url === '/public/1') held.push(() => response.end('first'))
      else response.end('second')
      return true
    }
    t.after(() => {
      upstream.answer = () => false
    })
    const begin = () => {
      const socket = connect(plane.port, '127.0.0.1')
      const closed = new Promise<string>((resolve) => {
        let text = ''
        socket.setEncoding('latin1').on('data', (chunk: string) => {
          text += chunk
          if (text.includes('second')) socket.destroy()
        })
        socket.once('close', () => resolve(text))
      })
      socket.write(`${head('GET /public/1 HTTP/1.1', host)}GET /public/2 HTTP/1.1\r\nHo`)
      return { socket, closed }
    }
    const work = async (): Promise<void> => {
      const [whole, half] = [begin(), begin()]
      // Longer than a header may take, and the interval of looking for late ones.
      for (let waited = 0; waited < 35 || held.length < 2; waited++) await delay(100)
      whole.socket.write(`${host.slice(2)}\r\n\r\n`)
      for (const answer of held) answer()
      assert.match(await whole.closed, /^HTTP\/1\.1 200 [^]*firstHTTP\/1\.1 200 [^]*second/)
      assert.match(await half.closed, /^HTTP\/1\.1 200 [^]*firstHTTP\/1\.1 408 /)
    }
    const records = await decisionsDuring(plane, work, 4)
    assert.deepEqual(records.map(({ outcome }) => outcome).sort(), [
      'allow',
      'allow',
      'allow',
      'deny',
    ])
    upstream.take()
  })

  it('answers pipelined requests in order, each decided on its own', async () => {
    const records = await decisionsDuring(plane, async () => {
      const answer = await raw(
        plane.port,
        head('GET /public/1 HTTP/1.1', host) +
          head('GET /admin/2 HTTP/1.1', host) +
          head('GET /public/3 HTTP/1.1', host),
        { answers: 3 },
      )
      assert.deepEqual(answer.statuses, [200, 401, 200])
    })
    assert.equal(records.length, 3)
    assert.deepEqual(
      upstream
        .take()
        .map(({ url }) => url)
        .sort(),
      ['/public/1', '/public/3'],
    )
  })

  it('puts what is not HTTP after the answers that are owed', async () => {
    upstream.answer = (_request, response) => {
      setTimeout(() => response.end('first'), 500)
      return true
    }
    const records = await decisionsDuring(plane, async () => {
      const answer = await raw(
        plane.port,
        `${head('GET /public/1 HTTP/1.1', host)}\0nonsense\r\n\r\n`,
        { quiet: 4000, answers: 2 },
      )
      assert.deepEqual(answer.statuses, [200, 400])
      assert.ok(answer.text.indexOf('first') < answer.text.indexOf('malformed'))
      assert.ok(answer.closed)
    })
    upstream.answer = () => false
    assert.deepEqual(
      records.map(({ outcome }) => outcome),
      ['allow', 'deny'],
    )
  })

  it('survives an upgrade behind a request that is not answered yet', async () => {
    upstream.answer = (_request, response) => {
      setTimeout(() => response.end('first'), 300)
      return true
    }
    const work = async (): Promise<void> => {
      const answer = await raw(
        plane.port,
        head('GET /public/1 HTTP/1.1', host) +
          head(
            'GET /ws/x HTTP/1.1',
            host,
            'Connection: Upgrade',
            'Upgrade: websocket',
            'Sec-WebSocket-Version: 13',
            'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
          ),
        { quiet: 4000 },
      )
      assert.ok(answer.closed)
      assert.ok(!answer.text.includes('101'))
    }
    const records = await decisionsDuring(plane, work, 2)
    upstream.answer = () => false
    assert.equal(records.length, 2)
  })

  it('gives up requests that wait behind another when their connection goes', async () => {
    const { connect } = await import('node:net')
    upstream.answer = (request, response) => {
      if (request.url === '/public/stuck') return true
      response.end('x'.repeat(2_000_000))
      return true
    }
    const socket = connect(plane.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(head('GET /public/stuck HTTP/1.1', host))
    for (let n = 0; n < 10; n++) socket.write(head(`GET /public/big${n} HTTP/1.1`, host))
    await delay(800)
    socket.resetAndDestroy()
    await until('all are given up, here and at the service', async () => {
      const text = await (await fetch(`${plane.gateway.admin}/metrics`)).text()
      const open = /^proofgate_upstream_connections\{.*state="open"\} (\d+)$/m.exec(text)?.[1]
      const idle = /^proofgate_upstream_connections\{.*state="idle"\} (\d+)$/m.exec(text)?.[1]
      assert.ok(open !== undefined && idle !== undefined, text)
      return /^proofgate_requests_in_flight 0$/m.test(text) && open === idle
    })
    upstream.answer = () => false
  })

  it('holds a flood of pipelined requests within bounds and answers in order', async (t) => {
    const { connect } = await import('node:net')
    const padding = 'x'.repeat(64 * 1024)
    let reached = 0
    upstream.answer = ({ url }, response) => {
      reached += 1
      response.end(JSON.stringify({ url, padding }))
      return true
    }
    t.after(() => {
      upstream.answer = () => false
    })
    const { readFileSync } = await import('node:fs')
    const status = `/proc/${plane.gateway.child.pid}/status`
    const resident = (): number =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(status, 'latin1'))?.[1])
    const count = 1000
    const flood = async (stillFor: number): Promise<{ grown: number; reached: number }> => {
      const before = resident()
      reached = 0
      const socket = connect(plane.port, '127.0.0.1')
      t.after(() => socket.destroy())
      socket.pause()
      const one = (n: number): string => head(`GET /public/${n} HTTP/1.1`, host)
      socket.write(Array.from({ length: count }, (_, n) => one(n)).join(''))
      let most = before
      for (let seen = -1, still = 0; still < stillFor;) {
        await delay(100)
        still = reached === seen ? still + 1 : 0
        seen = reached
        most = Math.max(most, resident())
      }
      const inPause = reached
      assert.equal(await answersInOrder(socket, count), count)
      return { grown: most - before, reached: inPause }
    }
    // What any so many requests make the runtime keep is not what the pause costs.
    await flood(0)
    const paused = await flood(8)
    // 64 MiB of answers: whoever asks on while nobody reads has to keep them.
    assert.ok(paused.reached < count / 2, `${paused.reached} requests went on`)
    assert.ok(paused.grown < 32 * 1024, `grew by ${paused.grown} KiB`)
  })

  it('keeps no connection whose other side does not close it', async () => {
    const { connect } = await import('node:net')
    const { readdirSync, readlinkSync } = await import('node:fs')
    const folder = `/proc/${plane.gateway.child.pid}/fd`
    const open = (): number =>
      readdirSync(folder).filter((name) => {
        try {
          return readlinkSync(`${folder}/${name}`).startsWith('socket')
        } catch {
          return false
        }
      }).length
    const rest = open()
    const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: x']
    const sockets = [
      '\0\r\n\r\n',
      'GET /public',
      head('CONNECT a:1 HTTP/1.1', host),
      head('GET /app/x HTTP/1.1', host, ...upgrade),
      head('POST /public/x HTTP/1.1', host, 'Content-Length: 9999999'),
      `${head('POST /public/x HTTP/1.1', host, 'Transfer-Encoding: chunked')}zz\r\n`,
      head('POST /app/x HTTP/1.1', host, 'Content-Length: 100'),
    ].flatMap((bytes) =>
      Array.from({ length: 10 }, () => {
        const socket = connect({ port: plane.port, host: '127.0.0.1', allowHalfOpen: true })
        socket.on('error', () => undefined)
        socket.resume()
        socket.write(bytes)
        return socket
      }),
    )
    let left = Infinity
    for (let tries = 0; tries < 300 && left > rest + 3; tries++) {
      await delay(100)
      if (tries > 10) left = open()
    }
    for (const socket of sockets) socket.destroy()
    assert.ok(left <= rest + 3, `${left - rest} connections were kept`)
  })

  it('does not leave requests behind whose caller went away', async () => {
    const { connect } = await import('node:net')
    for (let n = 0; n < 30; n++) {
      const socket = connect(plane.port, '127.0.0.1')
      socket.on('error', () => undefined)
      socket.write(head(`POST /public/gone HTTP/1.1`, host, 'Content-Length: 500000'))
      await new Promise((resolve) => socket.once('connect', resolve))
      socket.resetAndDestroy()
    }
    await delay(500)
    await until('none is left', async () => {
      const metrics = await fetch(`${plane.gateway.admin}/metrics`)
      return /in_flight\D* 0\n/.test(await metrics.text())
    })
    upstream.take()
  })
})

/** Reads the echoes of numbered requests until all have come; how many did. */
function answersInOrder(socket: Socket, count: number): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  let text = ''
  let next = 0
  const end = setTimeout(() => resolve(next), 120_000)
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
    for (let at = text.indexOf('"url":"'); at !== -1; at = text.indexOf('"url":"')) {
      const close = text.indexOf('"', at + 7)
      if (close === -1) break
      assert.equal(text.slice(at + 7, close), `/public/${next}`)
      next += 1
      text = text.slice(close)
    }
    if (next === count) socket.destroy()
  })
  socket.once('close', () => {
    clearTimeout(end)
    resolve(next)
  })
  socket.resume()
  return promise
}

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { decisionsDuring, startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { call } from '../kit/http.ts'
import { head, problemIn, raw } from '../kit/raw.ts'
import { until } from '../kit/operations.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

const mebibyte = 1024 * 1024

describe('streams through the gateway', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  let plane: DataPlane
  let alice: string

  before(async () => {
    const port = await upstream.listen()
    const tight = 'split: [{ upstream: tight, weight: 1 }]'
    plane = await startDataPlane({
      upstream: port,
      routes: `      - { method: POST, path: /big/up, authorizer: open, maxBody: 300MiB }
      - { method: POST, path: /stuck/up, authorizer: open, maxBody: 300MiB, ${tight} }
      - { method: GET, path: /events, authorizer: open, ${tight} }
      - { method: GET, path: /slow, authorizer: open, timeout: 700ms, ${tight} }
      - { method: GET, path: /patient, authorizer: open, timeout: 20s, ${tight} }`,
      upstreamKeys: `timeouts: { connect: 10s, headers: 30s, idle: 30s }
  tight: { url: 'http://127.0.0.1:${port}', timeouts: { connect: 10s, headers: 2s, idle: 1500ms } }`,
    })
    alice = plane.mint.token(plane.alice)
  })
  after(async () => {
    upstream.answer = () => false
    await plane.finish().finally(() => upstream.close())
  })

  const resident = (): number => {
    const text = readFileSync(`/proc/${plane.gateway.child.pid}/status`, 'latin1')
    return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1]) / 1024
  }

  /** The most memory used while `work` runs, above what it was, in MiB. */
  async function growth(work: () => Promise<void>): Promise<number> {
    const before = resident()
    let most = before
    const timer = setInterval(() => (most = Math.max(most, resident())), 50)
    await work()
    clearInterval(timer)
    return most - before
  }

  it('carries 256 MiB up to a reader that takes its time, without keeping them', async () => {
    let received = 0
    upstream.answer = (incoming, response) => {
      let pieces = 0
      incoming.on('data', (chunk: Buffer) => {
        received += chunk.length
        if (++pieces % 64 !== 0) return
        incoming.pause()
        setTimeout(() => incoming.resume(), 5)
      })
      incoming.on('end', () => response.end(String(received)))
      return true
    }
    const grown = await growth(async () => {
      const text = await new Promise<string>((resolve, reject) => {
        const options = { ...here('/big/up'), method: 'POST' }
        const out = request(options, (answer) => void read(answer).then(resolve))
        out.on('error', reject)
        const chunk = Buffer.alloc(mebibyte, 1)
        let left = 256
        const write = (): void => {
          while (left > 0) {
            left -= 1
            if (!out.write(chunk)) {
              out.once('drain', write)
              return
            }
          }
          out.end()
        }
        write()
      })
      assert.equal(text, String(256 * mebibyte))
    })
    upstream.answer = () => false
    assert.ok(grown < 128, `grew by ${grown} MiB`)
  })

  it('reads no more of an upload than the upstream takes', async () => {
    upstream.answer = (incoming) => {
      incoming.pause()
      return true
    }
    let accepted = 0
    const socket = connect(plane.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(
      head('POST /stuck/up HTTP/1.1', `Host: ${plane.host}`, `Content-Length: ${200 * mebibyte}`),
    )
    const chunk = Buffer.alloc(65_536)
    const write = (): void => {
      while (accepted < 200 * mebibyte && socket.write(chunk)) accepted += chunk.length
      socket.once('drain', write)
    }
    write()
    await delay(1000)
    socket.destroy()
    upstream.answer = () => false
    assert.ok(accepted < 32 * mebibyte, `took ${accepted / mebibyte} MiB`)
  })

  it('carries 64 MiB down to a caller that takes its time, without keeping them', async () => {
    let written = 0
    upstream.answer = (_incoming, response) => {
      const chunk = Buffer.alloc(mebibyte, 2)
      let left = 64
      const write = (): void => {
        while (left > 0) {
          left -= 1
          written += 1
          if (!response.write(chunk)) {
            response.once('drain', write)
            return
          }
        }
        response.end()
      }
      write()
      return true
    }
    const grown = await growth(async () => {
      const answer = await open('/public/down')
      await delay(700)
      assert.ok(written < 24, `the upstream wrote ${written} MiB to nobody`)
      let length = 0
      for await (const chunk of answer) length += (chunk as Buffer).length
      assert.equal(length, 64 * mebibyte)
    })
    upstream.answer = () => false
    assert.ok(grown < 48, `grew by ${grown} MiB`)
  })

  it('hands each event of a stream on at once and lets it be idle for longer than the time-out', async () => {
    upstream.answer = (_incoming, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
      setTimeout(() => response.end('data: 2\n\n'), 3500)
      return true
    }
    const answer = await open('/events', { accept: 'text/event-stream' })
    const first = await new Promise<Buffer>((resolve) => answer.once('data', resolve))
    assert.equal(first.toString(), 'data: 1\n\n')
    assert.equal(await read(answer), 'data: 2\n\n')
    upstream.answer = () => false
  })

  it('tells the upstream when the caller of a stream has gone', async () => {
    let gone = false
    upstream.answer = (_incoming, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
      response.once('close', () => (gone = true))
      return true
    }
    const answer = await open('/public/events', { accept: 'text/event-stream' })
    answer.destroy()
    await until('the service is told', () => gone)
    upstream.answer = () => false
  })

  it('holds a route to its own time-out, shorter or longer than that of the upstream', async () => {
    upstream.answer = ({ url }, response) => {
      // Within the two seconds of the upstream, and beyond them.
      setTimeout(() => response.end('late'), url === '/slow' ? 1600 : 2600)
      return true
    }
    const slow = await call(`${plane.gateway.api}/slow`)
    assert.equal(slow.status, 504)
    assert.equal(slow.json().code, 'upstream.headers_timeout')
    assert.equal((await call(`${plane.gateway.api}/patient`)).status, 200)
    upstream.answer = () => false
  })

  it('refuses bodies that are too long, declared or not', async () => {
    const sent: number[] = []
    const declared = await raw(
      plane.port,
      head('POST /public/x HTTP/1.1', `Host: ${plane.host}`, `Content-Length: ${2 * mebibyte}`),
      { quiet: 3000 },
    )
    sent.push(...declared.statuses)
    assert.deepEqual(declared.statuses, [413])
    assert.ok(declared.closed)
    assert.deepEqual(upstream.take(), [])
    const chunk = `${mebibyte.toString(16)}\r\n${'x'.repeat(mebibyte)}\r\n`
    const chunked = await raw(
      plane.port,
      [
        head('POST /public/x HTTP/1.1', `Host: ${plane.host}`, 'Transfer-Encoding: chunked') +
          chunk,
        '1\r\nx\r\n',
      ],
      { quiet: 3000 },
    )
    assert.deepEqual(chunked.statuses, [413])
    assert.ok(chunked.closed)
    assert.equal(problemIn(chunked).code, 'gateway.body_too_large')
    assert.deepEqual(upstream.take(), [], 'the upstream never got a whole message')
  })

  it('answers 413 to a caller who is still sending', async () => {
    const answer = await call(`${plane.gateway.api}/public/x`, {
      method: 'POST',
      body: Buffer.alloc(4 * mebibyte),
    })
    assert.equal(answer.status, 413)
    assert.equal(answer.json().code, 'gateway.body_too_large')
  })

  it('answers HEAD without a body and keeps its length', async () => {
    upstream.answer = (_incoming, response) => {
      response.writeHead(200, { 'content-length': '5' })
      response.end()
      return true
    }
    const answer = await raw(
      plane.port,
      head('HEAD /public/x HTTP/1.1', `Host: ${plane.host}`) +
        head('HEAD /app/x HTTP/1.1', `Host: ${plane.host}`, 'Connection: close'),
      { quiet: 3000 },
    )
    upstream.answer = () => false
    assert.deepEqual(answer.statuses, [200, 401])
    assert.match(answer.text, /content-length: 5\r\n/i)
    assert.ok(answer.text.endsWith('\r\n\r\n'))
  })

  it('gives programs problems and people pages', async () => {
    for (const path of ['/nowhere', '/public/..%2f']) {
      const program = await call(`${plane.gateway.api}${path}`)
      assert.equal(program.headers['content-type'], 'application/problem+json')
      const page = await call(`${plane.gateway.api}${path}`, {
        headers: { accept: 'text/html,application/xhtml+xml', 'sec-fetch-mode': 'navigate' },
      })
      assert.equal(page.status, program.status)
      assert.match(String(page.headers['content-type']), /^text\/html/)
      assert.match(String(page.headers['content-security-policy']), /default-src 'none'/)
      assert.ok(page.text.includes(String(page.headers['x-request-id'])))
    }
    const script = await call(`${plane.gateway.api}/nowhere`, {
      headers: { accept: 'text/html', 'sec-fetch-mode': 'cors' },
    })
    assert.equal(script.headers['content-type'], 'application/problem+json')
  })

  const metricsSay = (...lines: readonly RegExp[]): Promise<void> =>
    until(`the metrics say ${lines.join(' ')}`, async () => {
      const text = await (await fetch(`${plane.gateway.admin}/metrics`)).text()
      return lines.every((line) => line.test(text))
    })

  const handshake = (path: string, ...lines: string[]): string =>
    head(
      `GET ${path} HTTP/1.1`,
      `Host: ${plane.host}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ...lines,
    )

  it('opens a WebSocket on a route for them and carries bytes both ways', async () => {
    const authorization = `Authorization: Bearer ${alice}`
    const records = await decisionsDuring(plane, async () => {
      const pieces = [handshake('/ws/x', authorization), 'ping', 'pong']
      const answer = await raw(plane.port, pieces, { inTurn: true })
      assert.match(answer.text, /^HTTP\/1\.1 101 Switching Protocols\r\n/)
      assert.match(answer.text, /Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/i)
      assert.ok(answer.text.endsWith('pingpong'), answer.text)
    })
    assert.equal(records.length, 1)
    await metricsSay(/in_flight\D* 0\n/, /tunnels\D* 0\n/)
    upstream.take()
  })

  it('opens no tunnel elsewhere, without a token, or when the upstream does not', async () => {
    const authorization = `Authorization: Bearer ${alice}`
    for (const [path, status, ...lines] of [
      ['/app/x', 400, authorization],
      ['/public/x', 400],
      ['/ws/x', 401],
      ['/ws/x', 400, authorization, authorization],
      ['/ws/refused', 502, authorization],
      ['/nowhere', 404, authorization],
    ] as const) {
      const records = await decisionsDuring(plane, async () => {
        const answer = await raw(
          plane.port,
          [handshake(path, ...lines), head('GET /public/smuggled HTTP/1.1', 'Host: gw')],
          { quiet: 10_000, inTurn: true },
        )
        assert.deepEqual(answer.statuses, [status], `${path}: ${answer.text}`)
        assert.ok(answer.closed, path)
      })
      assert.equal(records.length, 1, path)
      assert.ok(!upstream.take().some(({ url }) => url.includes('smuggled')))
    }
  })

  it('treats half a handshake as an ordinary request', async () => {
    for (const lines of [
      ['Connection: Upgrade', 'Upgrade: websocket'],
      ['Upgrade: websocket', 'Sec-WebSocket-Key: x', 'Content-Length: 0', 'Connection: Upgrade'],
      ['Connection: Upgrade', 'Upgrade: h2c, websocket', 'Sec-WebSocket-Key: x'],
    ]) {
      const answer = await raw(
        plane.port,
        head('GET /public/x HTTP/1.1', `Host: ${plane.host}`, ...lines),
      )
      assert.deepEqual(answer.statuses, [200], lines.join())
      assert.doesNotMatch(upstream.take()[0]?.headers.join() ?? '', /upgrade/i)
    }
  })

  it('closes both sides of a tunnel when either goes', async () => {
    const socket = connect(plane.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(handshake('/ws/x', `Authorization: Bearer ${alice}`))
    await new Promise((resolve) => socket.once('data', resolve))
    await metricsSay(/tunnels\D* 1\n/)
    socket.resetAndDestroy()
    await metricsSay(/tunnels\D* 0\n/)
  })

  async function read(answer: IncomingMessage): Promise<string> {
    let text = ''
    for await (const chunk of answer) text += String(chunk)
    return text
  }

  function here(path: string): {
    host: string
    port: number
    path: string
    headers: Record<string, string>
  } {
    return { host: '127.0.0.1', port: plane.port, path, headers: { host: plane.host } }
  }

  function open(path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      request({ ...here(path), headers: { host: plane.host, ...headers } }, resolve)
        .on('error', reject)
        .end()
    })
  }
})

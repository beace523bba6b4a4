import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { decisionsDuring, startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { call } from '../kit/http.ts'
import { until } from '../kit/operations.ts'
import { head, raw } from '../kit/raw.ts'
import { RawUpstream } from '../kit/upstream.ts'

const fine = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

/** A process that listens and can be stopped in its tracks. */
const listenerText = `
  const s = require('http').createServer((q, r) => r.end('ok')).listen(0, '127.0.0.1', () => console.log(s.address().port))
`

describe('hostile upstreams behind the gateway', { timeout: 300_000 }, () => {
  const upstream = new RawUpstream()
  let plane: DataPlane
  let frozen: ChildProcess

  before(async () => {
    frozen = spawn(process.execPath, ['-e', listenerText], { stdio: ['ignore', 'pipe', 'inherit'] })
    const frozenPort = await new Promise<string>((resolve) => {
      frozen.stdout?.once('data', (text) => resolve(String(text).trim()))
    })
    plane = await startDataPlane({
      upstream: await upstream.listen(),
      upstreamKeys: `timeouts: { connect: 5s, headers: 1500ms, idle: 1500ms }
  gone: { url: 'http://127.0.0.1:1' }
  frozen: { url: 'http://127.0.0.1:${frozenPort}', timeouts: { connect: 5s, headers: 1500ms, idle: 1500ms } }
  inside: { url: 'http://metadata.invalid.localhost:80', allowPrivateAddresses: false }
  link: { url: 'http://localtest.invalid:80' }`,
      routes: ['gone', 'frozen', 'inside', 'link']
        .map(
          (name) => `  ${name}:
    host: ${name}.proofgate.localhost
    upstream: ${name}
    routes: [{ method: ANY, path: '/{rest+}', authorizer: open }]`,
        )
        .join('\n'),
    })
  })
  after(async () => {
    frozen.kill('SIGKILL')
    upstream.serve = (socket) => socket.write(fine)
    await plane.finish().finally(() => upstream.close())
  })

  const get = (path = '/public/x', method = 'GET') =>
    call(`${plane.gateway.api}${path}`, { method, headers: { connection: 'close' } })

  /** Every answer before the response has begun is a problem, and the pool works on. */
  async function fails(
    serve: (socket: Socket) => void,
    statuses: readonly number[],
    label: string,
  ): Promise<void> {
    upstream.serve = serve
    const records = await decisionsDuring(plane, async () => {
      const answer = await get('/public/x', 'POST')
      assert.ok(statuses.includes(answer.status), `${label}: ${answer.status} ${answer.text}`)
      assert.equal(answer.headers['content-type'], 'application/problem+json', label)
      assert.ok(!answer.text.includes('evil'), label)
    })
    assert.equal(records.length, 1, label)
    upstream.serve = (socket) => socket.write(fine)
    for (let n = 0; n < 2; n++) {
      const next = await get()
      assert.equal(next.status, 200, `after ${label}: ${next.text}`)
      assert.equal(next.text, 'ok', `after ${label}`)
    }
  }

  it('answers 502 for heads that are no HTTP/1.1', async () => {
    for (const text of [
      'evil\r\n\r\n',
      '<html>evil</html>',
      'HTTP/1.1 evil OK\r\n\r\n',
      'HTTP/1.1 99 evil\r\n\r\n',
      'HTTP/1.1 1000 evil\r\n\r\n',
      'HTTP/2 200 evil\r\n\r\n',
      'HTTP/1.1 200 OK\r\nevil\r\n\r\n',
      'HTTP/1.1 200 OK\r\nA : evil\r\n\r\n',
      'HTTP/1.1 200 OK\r\nA: evil\r\n folded\r\n\r\n',
      'HTTP/1.1 200 OK\r\nA: ev\0il\r\nContent-Length: 0\r\n\r\n',
      'HTTP/1.1 200 ev\0il\r\nContent-Length: 0\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\nevil',
      'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nevil',
      'HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nevil',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: evil\r\n\r\n',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: evil\r\nConnection: upgrade\r\n\r\n',
      `HTTP/1.1 200 OK\r\nA: ${'evil'.repeat(100_000)}\r\n\r\n`,
      'HTTP/1.1 103 evil\r\n\r\n'.repeat(100),
    ]) {
      await fails(
        (socket) => socket.write(text, 'latin1'),
        [502, 504],
        JSON.stringify(text.slice(0, 60)),
      )
    }
  })

  it('answers 502 or 504 for connections that break or hang, without asking twice', async () => {
    let asked = 0
    await fails((socket) => void ((asked += 1), socket.destroy()), [502], 'closed')
    await fails((socket) => void ((asked += 1), socket.resetAndDestroy()), [502], 'reset')
    await fails(() => void (asked += 1), [504], 'silence')
    await fails(
      (socket) => void ((asked += 1), socket.write('HTTP/1.1 200 O')),
      [504],
      'half a head',
    )
    assert.equal(asked, 4)
  })

  it('cuts an answer off for the caller when it was cut off by the upstream', async () => {
    for (const [text, ends] of [
      ['HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf', true],
      ['HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf', false],
      ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n', true],
      ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\nZZ\r\n', false],
    ] as const) {
      upstream.serve = (socket) => {
        socket.write(text)
        if (ends) setTimeout(() => socket.destroy(), 50)
      }
      const answer = await raw(plane.port, head('GET /public/x HTTP/1.1', `Host: ${plane.host}`), {
        quiet: 10_000,
      })
      assert.deepEqual(answer.statuses, [200])
      assert.ok(answer.closed)
      assert.ok(!answer.text.endsWith('0\r\n\r\n'), 'not ended as if whole')
    }
  })

  it('never gives a second answer of one connection to the next caller', async () => {
    const evil = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil'
    for (const gap of [0, 20]) {
      for (const socket of upstream.sockets) socket.destroy()
      const offenders: Socket[] = []
      upstream.serve = (socket, _head, count) => {
        if (count > 1) {
          socket.write(fine)
          return
        }
        if (gap === 0) socket.write(fine + evil)
        else {
          socket.write(fine)
          setTimeout(() => {
            socket.write(evil)
            offenders.push(socket)
          }, gap)
        }
      }
      for (let n = 0; n < 12; n++) {
        const answer = await get(`/public/${n}`)
        assert.notEqual(answer.text, 'evil')
        // What arrives while a connection is idle is nobody's answer, and ends it.
        if (gap === 0) continue
        await until('the connection is given up', () => {
          return offenders.length === n + 1 && !offenders.some((one) => upstream.sockets.has(one))
        })
      }
    }
    upstream.serve = (socket) =>
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok-and-more')
    assert.equal((await get()).text, 'ok')
    upstream.serve = (socket) => socket.write(fine)
    assert.equal((await get()).text, 'ok')
  })

  it('passes early hints on, no other interim answer, and never in place of the real one', async () => {
    upstream.serve = (socket) =>
      socket.write(
        `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${fine}`,
      )
    const answer = await raw(
      plane.port,
      head('GET /public/x HTTP/1.1', `Host: ${plane.host}`, 'Connection: close'),
    )
    assert.deepEqual(answer.statuses, [103, 200])
    assert.ok(answer.text.endsWith('ok'))
  })

  const at = (name: string, method = 'GET') =>
    call(`${plane.gateway.api.replace('api.', `${name}.`)}/x`, { method })

  it('says when an upstream is not there, has no name, or is where it must not be', async () => {
    const gone = await at('gone')
    assert.equal(gone.status, 502)
    assert.equal(gone.json().code, 'upstream.connect_refused')
    for (const name of ['inside', 'link']) {
      const answer = await at(name)
      assert.ok([502, 504].includes(answer.status), answer.text)
      assert.match(answer.json().code, /upstream\.(address_forbidden|name_not_found)/)
    }
    const page = await call(`${plane.gateway.api.replace('api.', 'gone.')}/x`, {
      headers: { accept: 'text/html' },
    })
    assert.equal(page.status, 502)
    assert.match(String(page.headers['content-type']), /text\/html/)
  })

  it('gives up on an upstream that was stopped in its tracks, and goes on when it does', async () => {
    assert.equal((await at('frozen')).status, 200)
    frozen.kill('SIGSTOP')
    const answers = await Promise.all([at('frozen', 'POST'), at('frozen', 'POST'), at('frozen')])
    for (const answer of answers) assert.equal(answer.status, 504, answer.text)
    assert.equal((await get()).status, 200, 'the others are not held up')
    frozen.kill('SIGCONT')
    assert.equal((await at('frozen')).status, 200)
  })
})

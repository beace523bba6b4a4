/**
 * What forwarding costs: CPU microseconds per request of `node:http` alone, of a tiny proxy made of
 * `node:http` and our upstream client, and of the client alone, side by side in one run on loopback.
 * Client and origin are other processes, so that only the measured one's CPU counts.
 *
 *     node bench/micro/upstream.ts [requests]
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, createServer as createRawServer } from 'node:net'
import type { AddressInfo } from 'node:net'

import { millis } from '../../src/core/index.ts'
import { Upstream } from '../../src/upstream/index.ts'
import type { ResponseHead, ResponseSink } from '../../src/upstream/index.ts'

const body = JSON.stringify({ data: 'x'.repeat(169) })
const connections = 32

function listenForPort(server: { listen(port: number, host: string): unknown }): Promise<void> {
  server.listen(0, '127.0.0.1')
  return once(server as never, 'listening').then(() => undefined)
}

async function runOrigin(): Promise<void> {
  const answer = Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )
  const server = createRawServer({ noDelay: true }, (socket) => {
    socket.on('data', () => socket.write(answer))
    socket.on('error', () => socket.destroy())
  })
  await listenForPort(server)
  process.send?.((server.address() as AddressInfo).port)
}

/** Answers each `{ port, count }` with `'done'` after that many requests over kept-alive connections. */
function runLoad(): void {
  process.on('message', (order: { port: number; count: number }) => {
    let sent = 0
    let answered = 0
    for (let index = 0; index < connections; index++) {
      const socket = connect({ port: order.port, host: '127.0.0.1', noDelay: true })
      let tail = ''
      const next = (): void => {
        if (sent >= order.count) {
          socket.end()
          return
        }
        sent += 1
        socket.write(
          'GET /app/items/7?full=1 HTTP/1.1\r\nHost: gateway.example\r\nUser-Agent: load\r\nAccept: */*\r\nAuthorization: Bearer abcdefghijklmnopqrstuvwxyz\r\n\r\n',
        )
      }
      socket.on('connect', next)
      socket.on('data', (chunk) => {
        tail = (tail + chunk.toString('latin1')).slice(-4096)
        if (!tail.endsWith(body)) return
        tail = ''
        answered += 1
        if (answered === order.count) process.send?.('done')
        next()
      })
    }
  })
}

class Answer implements ResponseSink {
  readonly #response: ServerResponse
  #finished = false
  constructor(response: ServerResponse) {
    this.#response = response
  }
  onHead(head: ResponseHead): void {
    this.#response.writeHead(head.status, head.statusText, [...head.headers])
  }
  onData(chunk: Buffer, last: boolean): boolean {
    if (!last) return this.#response.write(chunk)
    this.#finished = true
    this.#response.end(chunk)
    return true
  }
  onEnd(): void {
    if (!this.#finished) this.#response.end()
  }
  onFailure(): void {
    this.#response.destroy()
  }
}

function makeUpstream(port: number): Upstream {
  return new Upstream({
    name: 'bench',
    url: new URL(`http://127.0.0.1:${port}`),
    allowPrivateAddresses: true,
    connectTimeout: millis(5000),
    headersTimeout: millis(10_000),
    idleTimeout: millis(10_000),
    maxConnections: 64,
    keepAliveTimeout: millis(60_000),
    maxHeaderBytes: 65_536,
  })
}

async function main(): Promise<void> {
  const count = Math.min(Number(process.argv[2] ?? 60_000), 1_000_000)
  const origin = fork(import.meta.filename, ['origin'])
  const load = fork(import.meta.filename, ['load'])
  const [originPort] = (await once(origin, 'message')) as [number]
  const upstream = makeUpstream(originPort)

  const alone = createServer((_request, response) => {
    response.writeHead(200, 'OK', [
      'content-type',
      'application/json',
      'content-length',
      String(body.length),
    ])
    response.end(body)
  })
  const proxy = createServer((request: IncomingMessage, response) => {
    upstream.request(
      {
        method: request.method ?? 'GET',
        target: request.url ?? '/',
        headers: request.rawHeaders,
        framing: { kind: 'none' },
      },
      new Answer(response),
    )
  })
  await listenForPort(alone)
  await listenForPort(proxy)

  const clientOnly = (requests: number): Promise<void> =>
    new Promise((resolve, reject) => {
      let sent = 0
      let ended = 0
      const headers = [
        'Host',
        'gateway.example',
        'User-Agent',
        'load',
        'Accept',
        '*/*',
        'Authorization',
        'Bearer abcdefghijklmnopqrstuvwxyz',
      ]
      const next = (): void => {
        if (sent >= requests) return
        sent += 1
        upstream.request(
          { method: 'GET', target: '/app/items/7?full=1', headers, framing: { kind: 'none' } },
          {
            onHead: () => undefined,
            onData: () => true,
            onEnd: () => {
              ended += 1
              if (ended === requests) resolve()
              else next()
            },
            onFailure: (failure) => reject(new Error(failure.detail)),
          },
        )
      }
      for (let index = 0; index < connections; index++) next()
    })
  const throughServer = async (port: number, requests: number): Promise<void> => {
    load.send({ port, count: requests })
    await once(load, 'message')
  }
  const contestants: [string, (requests: number) => Promise<void>][] = [
    [
      'node:http alone',
      (requests) => throughServer((alone.address() as AddressInfo).port, requests),
    ],
    [
      'node:http + upstream',
      (requests) => throughServer((proxy.address() as AddressInfo).port, requests),
    ],
    ['upstream alone', clientOnly],
  ]
  const results = new Map<string, number[]>(contestants.map(([name]) => [name, []]))
  for (const [, run] of contestants) await run(Math.ceil(count / 3))
  for (let round = 0; round < 3; round++) {
    for (const [name, run] of contestants) {
      const before = process.cpuUsage()
      await run(count)
      const used = process.cpuUsage(before)
      results.get(name)?.push((used.user + used.system) / count)
    }
  }
  for (const [name, costs] of results) {
    const best = Math.min(...costs)
    console.log(
      `${name.padEnd(22)} ${best.toFixed(1)} us  (${costs.map((cost) => cost.toFixed(1)).join(', ')})`,
    )
  }
  alone.close()
  proxy.close()
  origin.kill()
  load.kill()
  await upstream.close(millis(100))
}

if (process.argv[2] === 'origin') await runOrigin()
else if (process.argv[2] === 'load') runLoad()
else await main()

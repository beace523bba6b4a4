import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { call } from './http.ts'
import type { Answer, CallOptions } from './http.ts'
import type { GatewayProcess } from './gateway.ts'

/** A service with the habits operations care about: slow answers, event streams and tunnels. */
export interface Service {
  readonly url: string
  /** Paths of the requests that arrived. */
  readonly seen: string[]
  /** Gives the slow answers that are waited for. */
  readonly release: () => void
  readonly close: () => void
}

/**
 * `/slow?millis=N` answers after N, `/events` streams without end, a WebSocket echoes bytes, everything else
 * answers 200 with the path.
 */
export async function startService(): Promise<Service> {
  const seen: string[] = []
  const slow = new Set<() => void>()
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://service.invalid')
    seen.push(pathname)
    request.resume()
    if (pathname === '/events') {
      streamEvents(response)
    } else if (pathname === '/slow') {
      const answer = (): void => void response.end('slow')
      const timer = setTimeout(answer, Number(searchParams.get('millis') ?? 500))
      slow.add(answer)
      response.once('close', () => {
        clearTimeout(timer)
        slow.delete(answer)
      })
    } else {
      response.end(pathname)
    }
  })
  server.on('upgrade', (request, socket) => {
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    )
    socket.on('error', () => socket.destroy())
    socket.pipe(socket)
  })
  server.keepAliveTimeout = 70_000
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  server.unref()
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    release: () => {
      for (const answer of slow) answer()
    },
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

function streamEvents(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write('data: 0\n\n')
  const timer = setInterval(() => response.write('data: more\n\n'), 100)
  response.once('close', () => clearInterval(timer))
  response.on('error', () => undefined)
}

/** A configuration in front of the service: open routes for load, protected ones for decisions. */
export function operationsConfiguration(service: Pick<Service, 'url'>, more = ''): string {
  return `version: 1
upstreams:
  service: { url: '${service.url}' }
apis:
  service:
    upstream: service
    routes:
      - { method: GET, path: /open, authorizer: open }
      - { method: GET, path: /slow, authorizer: open }
      - { method: GET, path: /events, authorizer: open }
      - { method: GET, path: /socket, authorizer: open, websocket: true }
      - { method: GET, path: /orders }
      - { method: GET, path: '/orders/{id}' }
people:
  - { username: admin, name: Administrator, groups: [admins] }
groups:
  admins: { description: everything, policies: [everything] }
  readers: { description: reading, policies: [] }
policies:
  everything:
    Version: '2012-10-17'
    Statement:
      - { Effect: Allow, Action: 'execute-api:Invoke', Resource: 'arn:aws:execute-api:local:000000000000:service/*' }
throttles:
  address: { rate: 10000, burst: 20000 }
  principal: { rate: 10000, burst: 20000 }
limits: { drain: 2s, shedding: { eventLoopDelay: 1m } }
${more}`
}

/** The bearer secret of the running server's admin API. */
export function adminSecret(gateway: Pick<GatewayProcess, 'dataDirectory'>): string {
  const path = join(gateway.dataDirectory, 'run', 'server.json')
  return (JSON.parse(readFileSync(path, 'utf8')) as { secret: string }).secret
}

export function callAdmin(
  gateway: Pick<GatewayProcess, 'dataDirectory' | 'admin'>,
  path: string,
  options: CallOptions = {},
): Promise<Answer> {
  return call(`${gateway.admin}${path}`, {
    ...options,
    headers: { authorization: `Bearer ${adminSecret(gateway)}`, ...options.headers },
  })
}

/** Asks again and again until the answer is yes. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  millis = 60_000,
): Promise<void> {
  const end = Date.now() + millis
  do {
    if (await isSo()) return
    await delay(20)
  } while (Date.now() < end)
  throw new Error(`it did not happen in time: ${what}`)
}

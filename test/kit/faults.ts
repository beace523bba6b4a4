import { readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { DataPlane } from './data-plane.ts'
import { until } from './operations.ts'

/** How one side of a connection came to its end, as the other side sees it; empty while it is open. */
export type Ending = '' | 'ended' | 'reset' | 'closed'

/** What a side of a connection may do in the middle of everything. */
export type Fault = 'resets' | 'closes' | 'ends its side'

export const faults: readonly Fault[] = ['resets', 'closes', 'ends its side']

export function commit(fault: Fault, socket: Socket): void {
  if (fault === 'resets') socket.resetAndDestroy()
  else if (fault === 'closes') socket.destroy()
  else socket.end()
}

function watch(socket: Socket, end: (how: Ending) => void): void {
  socket.on('end', () => end('ended'))
  socket.on('error', () => {
    end('reset')
    socket.destroy()
  })
  socket.on('close', () => end('closed'))
}

/** One connection of a caller, byte by byte. */
export class Caller {
  readonly socket: Socket
  text = ''
  ending: Ending = ''

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    this.socket.on('data', (chunk: Buffer) => (this.text += chunk.toString('latin1')))
    watch(this.socket, (how) => (this.ending ||= how))
  }

  send(text: string): void {
    if (text !== '') this.socket.write(text, 'latin1')
  }

  /** Of answers whose first line came. */
  get statuses(): readonly number[] {
    return [...this.text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]))
  }

  over(what: string): Promise<void> {
    return until(`${what}: the caller hears of an end`, () => this.ending !== '')
  }
}

/** A request as it came to a service. */
export interface Served {
  readonly path: string
  readonly socket: Socket
  text: string
  isWhole: boolean
  /** Of its connection, while it was not answered. */
  ending: Ending
}

/** A service made of bytes, which knows requests by their paths and tells whole ones from cut ones. */
export class ByteService {
  readonly served: Served[] = []
  readonly sockets = new Set<Socket>()
  connections = 0
  /** Called when the head of a request has come, and when all of it has. */
  behave: (served: Served, moment: 'begun' | 'whole') => void = () => undefined
  readonly #server: Server

  constructor() {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.connections += 1
      this.sockets.add(socket)
      socket.on('close', () => this.sockets.delete(socket))
      this.#serve(socket)
    })
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    this.#server.unref()
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy()
    this.#server.close()
  }

  /** Those that came for a path. */
  of(path: string): readonly Served[] {
    return this.served.filter((one) => one.path === path)
  }

  #serve(socket: Socket): void {
    let current: Served | undefined
    let text = ''
    watch(socket, (how) => {
      if (current !== undefined) current.ending ||= how
      if (how === 'ended' && current?.isWhole !== false) socket.end()
    })
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (current === undefined || current.isWhole) {
        if (!text.includes('\r\n\r\n')) return
        const path = /^\S+ (\S+)/.exec(text)?.[1] ?? ''
        current = { path, socket, text, isWhole: isWhole(text), ending: '' }
        this.served.push(current)
        this.behave(current, 'begun')
      } else {
        current.text = text
        current.isWhole = isWhole(text)
      }
      if (!current.isWhole) return
      text = ''
      this.behave(current, 'whole')
    })
  }
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n')
  const [head, body] = [text.slice(0, end + 2), text.slice(end + 4)]
  if (/\r\ntransfer-encoding:/i.test(head))
    return /(?:^|\r\n)0\r\n(?:[^\r\n]+\r\n)*\r\n$/.test(body)
  return body.length >= Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
}

/** What is held for callers and services: nothing is once everybody has gone. */
export async function atRest(plane: DataPlane): Promise<void> {
  const figure = (metrics: string, name: RegExp): number =>
    [...metrics.matchAll(new RegExp(`^${name.source} (\\d+)$`, 'gm'))].reduce(
      (sum, match) => sum + Number(match[1]),
      0,
    )
  await until('nothing is under way, and nothing is held', async () => {
    const text = await (await fetch(`${plane.gateway.admin}/metrics`)).text()
    const open = figure(text, /proofgate_upstream_connections\{[^}]*state="open"\}/)
    const idle = figure(text, /proofgate_upstream_connections\{[^}]*state="idle"\}/)
    return (
      figure(text, /proofgate_requests_in_flight/) === 0 &&
      figure(text, /proofgate_tunnels/) === 0 &&
      figure(text, /proofgate_upstream_pending\{[^}]*\}/) === 0 &&
      open === idle &&
      held(plane) === 0
    )
  })
}

/** Connections of callers that the gateway did not let go of: open, or ended by the caller alone. */
function held(plane: DataPlane): number {
  const text = readFileSync(`/proc/${plane.gateway.child.pid}/net/tcp`, 'latin1')
  const port = plane.port.toString(16).toUpperCase().padStart(4, '0')
  const mine = new RegExp(`^ *\\d+: \\w+:${port} \\w+:\\w+ (?:01|08) `)
  return text.split('\n').filter((line) => mine.test(line)).length
}

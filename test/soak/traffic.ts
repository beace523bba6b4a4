import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import type { ClientRequest } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { LoadedService } from './service.ts'
import { Http2Traffic } from './traffic-http2.ts'

/** What the load needs to know of the gateway. */
export interface Target {
  readonly port: number
  readonly host: string
  /** Of somebody who may do all, and of somebody who may not. */
  readonly alice: string
  readonly bob: string
}

export interface Counts {
  /** Requests that a decision has to be on record for. */
  sent: number
  readonly kinds: Record<string, number>
  readonly failures: string[]
}

type Kind = (mark: string) => Promise<void>

const malformed = [
  '\0\0\r\n\r\n',
  'GET /public/x HTTP/1.1\r\nHost : x\r\n\r\n',
  'GET /public/x HTTP/9.9\r\nHost: x\r\n\r\n',
  'POST /public/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
  'GET /public/x HTTP/1.1\r\n\r\n',
  'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n',
]

/** Callers of every kind, a bounded number of them at once. Each request is checked for what it must be. */
export class Traffic {
  readonly counts: Counts = { sent: 0, kinds: {}, failures: [] }
  target: Target
  readonly #service: LoadedService
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 })
  readonly #http2: Http2Traffic
  #next = 0
  #isEnough = false

  constructor(target: Target, service: LoadedService) {
    this.target = target
    this.#service = service
    this.#http2 = new Http2Traffic(service)
  }

  /** Sends until so many requests are counted in all. */
  async run(total: number, callers: number): Promise<void> {
    const call = async (): Promise<void> => {
      while (this.#mayGoOn(total)) await this.#one()
    }
    await Promise.all(Array.from({ length: callers }, call))
  }

  /** No more of it, whatever was asked for. */
  enough(): void {
    this.#isEnough = true
  }

  /** Ends all connections; whoever calls afterwards opens others. */
  close(): void {
    this.#agent.destroy()
    this.#http2.close()
  }

  #mayGoOn(total: number): boolean {
    const { sent, failures } = this.counts
    return !this.#isEnough && sent < total && failures.length < 20
  }

  async #one(): Promise<void> {
    this.#next += 1
    const [name, kind] = this.#kind(this.#next)
    this.counts.sent += 1
    this.counts.kinds[name] = (this.counts.kinds[name] ?? 0) + 1
    try {
      await kind(`m${this.#next}`)
    } catch (error) {
      this.counts.failures.push(`${name}: ${(error as Error).message}`)
    }
  }

  /** By number, so that every run has the same mixture: mostly plain, the costly ones now and then. */
  #kind(number: number): readonly [string, Kind] {
    return this.#rareKind(number) ?? this.#usualKind(number)
  }

  #rareKind(number: number): readonly [string, Kind] | undefined {
    const { target } = this
    if (number % 500 === 7) return ['event stream', (mark) => this.#events(mark)]
    if (number % 500 === 57) return ['tunnel', (mark) => this.#tunnel(mark)]
    if (number % 500 === 107) return ['slow upload', (mark) => this.#slowUpload(mark)]
    if (number % 500 === 157) return ['slow answer', (mark) => this.#slowAnswer(mark)]
    if (number % 500 === 207) {
      return ['HTTP/2 event stream', (mark) => this.#http2.events(target, mark, number)]
    }
    if (number % 200 === 121) {
      return ['HTTP/2 given up', (mark) => this.#http2.givenUp(target, mark, number)]
    }
    if (number % 200 === 21) return ['given up', (mark) => this.#givenUp(mark)]
    if (number % 200 === 71) return ['upload given up', (mark) => this.#uploadGivenUp(mark)]
    if (number % 100 === 33) return ['malformed', (mark) => this.#malformed(mark)]
    return undefined
  }

  #usualKind(number: number): readonly [string, Kind] {
    const { target } = this
    if (number % 50 === 13) return ['new connection', (mark) => this.#alone(mark)]
    if (number % 10 === 1 || number % 10 === 5) {
      return ['HTTP/2 get', (mark) => this.#http2.get(target, mark, number)]
    }
    if (number % 20 === 6) {
      return ['HTTP/2 post', (mark) => this.#http2.post(target, mark, number)]
    }
    if (number % 10 === 4) return ['post', (mark) => this.#post(mark, (number % 64) * 1024)]
    if (number % 10 === 8) return ['refused', () => this.#refused(number)]
    if (number % 2 === 0) return ['open get', (mark) => this.#get(`/public/${mark}`, {}, 200)]
    return ['protected get', (mark) => this.#get(`/app/${mark}`, bearer(this.target.alice), 200)]
  }

  #refused(number: number): Promise<void> {
    const { alice, bob } = this.target
    const all: readonly (readonly [string, Record<string, string>, number])[] = [
      ['/app/x', {}, 401],
      ['/admin/x', bearer(bob), 403],
      ['/nowhere', {}, 404],
      ['/public/../x', {}, 400],
      ['/public/x', { host: 'evil.example' }, 421],
      ['/app/x', bearer(`${alice}x`), 401],
      ['/app/x', { expect: 'a-pony' }, 417],
    ]
    const [path, headers, status] = all[number % all.length] ?? ['/nowhere', {}, 404]
    return this.#get(path, headers, status)
  }

  /** One request on a connection of its own. */
  async #alone(mark: string): Promise<void> {
    const { port, host } = this.target
    const path = `/public/${mark}`
    const outgoing = request({ host: '127.0.0.1', port, path, headers: { host }, agent: false })
    const answered = answer(outgoing)
    outgoing.end()
    const { body, status } = await answered
    assert.equal(status, 200)
    assert.equal(body.toString(), path, 'the answer is another’s')
  }

  #request(path: string, headers: Record<string, string>, method = 'GET'): ClientRequest {
    const { port, host } = this.target
    const all = { host, ...headers }
    return request({ host: '127.0.0.1', port, path, method, headers: all, agent: this.#agent })
  }

  async #get(path: string, headers: Record<string, string>, status: number): Promise<void> {
    const outgoing = this.#request(path, headers)
    const answered = answer(outgoing)
    outgoing.end()
    const { body, status: found } = await answered
    assert.equal(found, status, `${path} answers ${found} ${body.toString().slice(0, 300)}`)
    if (status === 200) assert.equal(body.toString(), path, 'the answer is another’s')
  }

  async #post(mark: string, size: number): Promise<void> {
    const sent = Buffer.alloc(size, mark)
    const headers = size % 2048 === 0 ? { 'content-length': String(size) } : {}
    const outgoing = this.#request(`/public/${mark}`, headers, 'POST')
    const answered = answer(outgoing)
    outgoing.end(sent)
    const { body, status } = await answered
    assert.equal(status, 200)
    assert.ok(sent.equals(body), 'the body came back changed')
  }

  async #slowUpload(mark: string): Promise<void> {
    const outgoing = this.#request(`/public/${mark}`, { 'content-length': '400' }, 'POST')
    const answered = answer(outgoing)
    for (let piece = 0; piece < 4; piece++) {
      outgoing.write('x'.repeat(100))
      await delay(40)
    }
    outgoing.end()
    assert.equal((await answered).body.length, 400)
  }

  async #slowAnswer(mark: string): Promise<void> {
    const outgoing = this.#request(`/public/slow/${mark}`, {})
    const answered = answer(outgoing)
    outgoing.end()
    assert.equal((await answered).status, 200)
  }

  async #events(mark: string): Promise<void> {
    const outgoing = this.#request(`/public/events/${mark}`, { accept: 'text/event-stream' })
    const read = new Promise<void>((resolve, reject) => {
      outgoing.on('error', reject)
      outgoing.on('response', (incoming) => {
        let text = ''
        incoming.on('error', () => undefined)
        incoming.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
          if (text.split('data:').length > 3) resolve()
        })
      })
    })
    outgoing.end()
    await read
    outgoing.removeAllListeners('error').on('error', () => undefined)
    outgoing.destroy()
  }

  async #tunnel(mark: string): Promise<void> {
    const { port, host } = this.target
    const socket = connect(port, '127.0.0.1')
    const read = new Promise<void>((resolve, reject) => {
      let text = ''
      socket.on('error', reject)
      socket.on('close', () => reject(new Error(`the tunnel closed: ${text}`)))
      socket.setEncoding('latin1').on('data', (chunk: string) => {
        const opens = !text.includes('\r\n\r\n')
        text += chunk
        if (opens && text.includes('\r\n\r\n')) socket.write(frameOf(mark), 'latin1')
        if (text.includes(frameOf(mark))) resolve()
      })
    })
    socket.write(
      `GET /socket/${mark} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n\r\n`,
    )
    await read
    socket
      .removeAllListeners('close')
      .removeAllListeners('error')
      .on('error', () => undefined)
    socket.destroy()
  }

  async #givenUp(mark: string): Promise<void> {
    const arrived = this.#service.arrival(mark)
    const outgoing = this.#request(`/public/never/${mark}`, {})
    outgoing.on('error', () => undefined)
    outgoing.end()
    await arrived
    outgoing.destroy()
  }

  async #uploadGivenUp(mark: string): Promise<void> {
    const arrived = this.#service.arrival(mark)
    const length = { 'content-length': '500000' }
    const outgoing = this.#request(`/public/never/${mark}`, length, 'POST')
    outgoing.on('error', () => undefined)
    outgoing.write('x'.repeat(1000))
    await arrived
    outgoing.destroy()
  }

  async #malformed(mark: string): Promise<void> {
    const bytes = malformed[Number(mark.slice(1)) % malformed.length] ?? ''
    const socket = connect(this.target.port, '127.0.0.1')
    const text = await new Promise<string>((resolve, reject) => {
      let received = ''
      socket.on('error', reject)
      socket.setEncoding('latin1').on('data', (chunk: string) => (received += chunk))
      socket.on('end', () => resolve(received))
      socket.write(bytes, 'latin1')
    })
    socket.destroy()
    assert.match(text, /^HTTP\/1\.1 4\d\d /)
  }
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` }
}

/** A masked text frame (RFC 6455 5.2), with a mask of zeros. */
function frameOf(text: string): string {
  return `\x81${String.fromCharCode(0x80 + text.length)}\0\0\0\0${text}`
}

function answer(outgoing: ClientRequest): Promise<{ status: number; body: Buffer }> {
  return new Promise((resolve, reject) => {
    outgoing.on('error', reject)
    outgoing.on('response', (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('error', reject)
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () => {
        resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks) })
      })
    })
  })
}

import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { KeptConnections } from './kept.ts'
import { Comparison, largeBodyOf } from './bodies.ts'
import { malformedOf, markOf, refusalOf } from './mixture.ts'
import type { Who } from './mixture.ts'
import type { LoadedService } from './service.ts'
import { tokenOf } from './target.ts'
import type { Target } from './target.ts'
import { UnreadError } from './unread.ts'

/** Callers of HTTP/1.1: on kept connections by a few lines of our own, and by the runtime's client. */
export class Http1Traffic {
  /** Connections that the gateway answered and that nothing was ever sent on. */
  silent = 0
  readonly #service: LoadedService
  readonly #kept: KeptConnections
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 })

  /** @param onUnasked - told of bytes that answer no request. */
  constructor(service: LoadedService, onUnasked: (text: string) => void) {
    this.#service = service
    this.#kept = new KeptConnections(onUnasked)
    const open = this.#agent.createConnection.bind(this.#agent)
    // The runtime may open one for a request that another connection becomes free for.
    this.#agent.createConnection = (options, callback) => {
      const socket = open(options, callback) as Socket
      socket.once('close', () => {
        if (socket.bytesWritten === 0 && socket.bytesRead > 0) this.silent += 1
      })
      return socket
    }
  }

  close(): void {
    this.#agent.destroy()
    this.#kept.close()
  }

  async get(target: Target, number: number, who: Who): Promise<void> {
    const path = `/${who === 'nobody' ? 'public' : 'app'}/${markOf(number)}`
    const { status, body } = await this.#kept.call(target.port, headOf(target, path, { who }))
    assert.equal(status, 200, `${path} answers ${body.slice(0, 300)}`)
    assert.equal(body, path, 'the answer is another’s')
  }

  async refused(target: Target, number: number): Promise<void> {
    const refusal = refusalOf(number)
    const path = `${refusal.path}${markOf(number)}`
    const { status, body } = await this.#kept.call(target.port, headOf(target, path, refusal))
    assert.equal(status, refusal.status, `${path} answers ${body.slice(0, 300)}`)
    assert.match(body, new RegExp(`"code":"${refusal.reason}"`), 'another refusal')
  }

  /** By the runtime's client. */
  async getByAnother(target: Target, number: number): Promise<void> {
    const path = `/app/${markOf(number)}`
    const headers = { authorization: `Bearer ${target.alice}` }
    const outgoing = this.#request(target, path, { headers })
    outgoing.end()
    await expectEcho(outgoing, Buffer.from(path))
  }

  /** One request on a connection of its own. */
  async alone(target: Target, number: number): Promise<void> {
    const path = `/public/${markOf(number)}`
    const outgoing = this.#request(target, path, { agent: false })
    outgoing.end()
    await expectEcho(outgoing, Buffer.from(path))
  }

  async post(target: Target, number: number, sent: Buffer): Promise<void> {
    const hasLength = number % 4 === 0
    const headers = hasLength ? { 'content-length': String(sent.length) } : {}
    const path = `/public/${markOf(number)}`
    const outgoing = this.#request(target, path, { method: 'POST', headers })
    // Without a length known before it is sent in chunks.
    if (!hasLength) outgoing.write(sent.subarray(0, 1))
    outgoing.end(hasLength ? sent : sent.subarray(1))
    await expectEcho(outgoing, sent)
  }

  async download(target: Target, number: number): Promise<void> {
    const outgoing = this.#request(target, `/public/large/${markOf(number)}`)
    outgoing.end()
    await expectEcho(outgoing, largeBodyOf(number))
  }

  async slowUpload(target: Target, number: number): Promise<void> {
    const headers = { 'content-length': '400' }
    const path = `/public/${markOf(number)}`
    const outgoing = this.#request(target, path, { method: 'POST', headers })
    const echoed = expectEcho(outgoing, Buffer.alloc(400, 'x'))
    echoed.catch(() => undefined)
    for (let piece = 0; piece < 4; piece++) {
      outgoing.write('x'.repeat(100))
      await delay(40)
    }
    outgoing.end()
    await echoed
  }

  async slowAnswer(target: Target, number: number): Promise<void> {
    const outgoing = this.#request(target, `/public/slow/${markOf(number)}`)
    outgoing.end()
    await expectEcho(outgoing, Buffer.from('slow'))
  }

  async events(target: Target, number: number): Promise<void> {
    const outgoing = this.#request(target, `/public/events/${markOf(number)}`)
    outgoing.end()
    const incoming = await responseOf(outgoing)
    let text = ''
    await new Promise<void>((resolve, reject) => {
      incoming.on('error', reject)
      incoming.on('close', () => reject(new Error(`the events ended: ${text}`)))
      incoming.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
        if (text.split('data:').length > 3) resolve()
      })
    })
    giveUp(outgoing)
  }

  async tunnel(target: Target, number: number): Promise<void> {
    const frame = frameOf(markOf(number))
    const socket = connect(target.port, '127.0.0.1')
    await new Promise<void>((resolve, reject) => {
      let text = ''
      socket.on('error', reject)
      socket.on('close', () => reject(new Error(`the tunnel closed: ${text}`)))
      socket.setEncoding('latin1').on('data', (chunk: string) => {
        const opens = !text.includes('\r\n\r\n')
        text += chunk
        if (opens && text.includes('\r\n\r\n')) socket.write(frame, 'latin1')
        if (text.includes(frame)) resolve()
      })
      socket.write(
        `GET /socket/${markOf(number)} HTTP/1.1\r\nHost: ${target.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n\r\n`,
      )
    })
    socket.removeAllListeners('close').removeAllListeners('error')
    socket.on('error', () => undefined).destroy()
  }

  /** Goes away when the service has the request. */
  async givenUp(target: Target, number: number): Promise<void> {
    const outgoing = this.#request(target, `/public/never/${markOf(number)}`)
    outgoing.end()
    await this.#arrived(outgoing, number)
    giveUp(outgoing)
  }

  async uploadGivenUp(target: Target, number: number): Promise<void> {
    const headers = { 'content-length': '500000' }
    const path = `/public/never/${markOf(number)}`
    const outgoing = this.#request(target, path, { method: 'POST', headers })
    outgoing.write('x'.repeat(1000))
    await this.#arrived(outgoing, number)
    giveUp(outgoing)
  }

  /** Goes away when the first of the body has come. */
  async downloadGivenUp(target: Target, number: number): Promise<void> {
    const outgoing = this.#request(target, `/public/large/${markOf(number)}`)
    outgoing.end()
    const incoming = await responseOf(outgoing)
    const [first] = await new Promise<[Buffer]>((resolve, reject) => {
      incoming.on('error', reject)
      incoming.on('close', () => reject(new Error('the download ended')))
      incoming.once('data', (chunk: Buffer) => resolve([chunk]))
    })
    giveUp(outgoing)
    assert.ok(first.equals(largeBodyOf(number).subarray(0, first.length)), 'it came changed')
  }

  async malformed(target: Target, number: number): Promise<void> {
    const socket = connect(target.port, '127.0.0.1')
    const text = await new Promise<string>((resolve, reject) => {
      let received = ''
      socket.on('error', reject)
      socket.setEncoding('latin1').on('data', (chunk: string) => (received += chunk))
      socket.on('end', () => resolve(received))
      socket.write(malformedOf(number).bytes, 'latin1')
    })
    socket.destroy()
    assert.match(text, /^HTTP\/1\.1 4\d\d /)
  }

  /** At the service, which never answers. */
  async #arrived(outgoing: ClientRequest, number: number): Promise<void> {
    const answered = responseOf(outgoing).then(({ statusCode }) => {
      throw new Error(`answered with ${statusCode}`)
    })
    await Promise.race([this.#service.arrival(markOf(number)), answered])
  }

  #request({ port, host }: Target, path: string, options: RequestOptions = {}): ClientRequest {
    const { method = 'GET', agent = this.#agent } = options
    const headers = { host, ...options.headers }
    return request({ host: '127.0.0.1', port, path, method, headers, agent })
  }
}

interface RequestOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly agent?: false
}

interface HeadOptions {
  readonly who: Who
  readonly headers?: Readonly<Record<string, string>>
}

function headOf(target: Target, path: string, { who, headers = {} }: HeadOptions): string {
  const token = tokenOf(target, who)
  const all: Record<string, string> = { host: target.host, ...headers }
  if (token !== undefined) all['authorization'] = `Bearer ${token}`
  let head = `GET ${path} HTTP/1.1\r\n`
  for (const [name, value] of Object.entries(all)) head += `${name}: ${value}\r\n`
  return `${head}\r\n`
}

/** A masked text frame (RFC 6455 5.2), with a mask of zeros. */
function frameOf(text: string): string {
  return `\x81${String.fromCharCode(0x80 + text.length)}\0\0\0\0${text}`
}

function responseOf(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      const isCutOff = error.code === 'ECONNRESET' || error.code === 'EPIPE'
      reject(outgoing.reusedSocket && isCutOff ? new UnreadError(error.message) : error)
    })
    outgoing.on('response', resolve)
  })
}

function giveUp(outgoing: ClientRequest): void {
  outgoing.removeAllListeners('error').on('error', () => undefined)
  outgoing.destroy()
}

async function expectEcho(outgoing: ClientRequest, expected: Buffer): Promise<void> {
  const incoming = await responseOf(outgoing)
  const { statusCode } = incoming
  const comparison = new Comparison(expected)
  let refusal = ''
  await new Promise<void>((resolve, reject) => {
    incoming.on('error', reject)
    incoming.on('data', (chunk: Buffer) => {
      if (statusCode === 200) comparison.take(chunk)
      else refusal += chunk.toString('latin1')
    })
    incoming.on('end', resolve)
  })
  assert.equal(statusCode, 200, refusal)
  assert.ok(comparison.isWhole, comparison.describe())
}

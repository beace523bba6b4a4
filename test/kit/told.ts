import { createHmac, randomBytes } from 'node:crypto'
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { temporaryDirectory } from './gateway.ts'

/** What somebody who is told of events was sent. */
export interface Heard {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** What a webhook says of an event. */
export interface Told {
  readonly id: string
  readonly type: string
  readonly at: string
  readonly subject: { id: string; username: string } | null
  readonly initiatedBy: string
  readonly data: Readonly<Record<string, unknown>>
}

/** Somebody who is told of events, and answers as a test wants it. */
export class Listener {
  readonly heard: Heard[] = []
  answer: (response: ServerResponse, heard: Heard) => void = (response) =>
    response.writeHead(204).end()
  readonly #server = createServer((request, response) => this.#hear(request, response))

  async listen(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve))
    this.#server.unref()
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get told(): readonly Told[] {
    return this.heard.map(({ body }) => JSON.parse(body) as Told)
  }

  get types(): readonly string[] {
    return this.told.map(({ type }) => type)
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  #hear(request: IncomingMessage, response: ServerResponse): void {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      const heard = { url: request.url ?? '', headers: request.headers, body }
      this.heard.push(heard)
      this.answer(response, heard)
    })
  }
}

/** A file that only its owner can read. */
export function secretFile(text: string): string {
  const path = join(temporaryDirectory(), 'secret')
  writeFileSync(path, `${text}\n`, { mode: 0o600 })
  return path
}

export function webhookSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`
}

/** The rules of Standard Webhooks, followed by hand: any one signature that fits is enough. */
export function assertSigned({ headers, body }: Heard, secret: string): void {
  const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': given } = headers
  assert.ok(Math.abs(Date.now() / 1000 - Number(at)) < 300)
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
  const wanted = createHmac('sha256', key).update(`${String(id)}.${String(at)}.${body}`)
  assert.ok(
    String(given)
      .split(' ')
      .includes(`v1,${wanted.digest('base64')}`),
  )
  assert.equal((JSON.parse(body) as Told).id, id)
}

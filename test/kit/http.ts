import { request } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { request as secureRequest } from 'node:https'
import { callHttp2, openHttp2 } from './http2.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: () => any
}

export interface CallOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Buffer
  /** For https: whom to believe, and what to show. */
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string }
}

const http2Ports = new Set<string>()

/** From now on everything sent to this port goes by HTTP/2 with prior knowledge. */
export function speakHttp2At(port: number): void {
  http2Ports.add(String(port))
}

/** One HTTP request; every `*.localhost` name is this machine, redirects are not followed. */
export function call(url: string, options: CallOptions = {}): Promise<Answer> {
  const target = new URL(url)
  if (http2Ports.has(target.port)) return callOverHttp2(target, options)
  return new Promise((resolve, reject) => {
    const secure = { ...options.tls, servername: target.hostname, agent: false }
    const isSecure = target.protocol === 'https:'
    const outgoing = (isSecure ? secureRequest : request)(
      {
        ...(isSecure ? secure : {}),
        host: '127.0.0.1',
        port: target.port,
        path: `${target.pathname}${target.search}`,
        method: options.method ?? 'GET',
        headers: {
          host: target.host,
          ...(options.headers as Record<string, string>),
          ...(options.body === undefined
            ? {}
            : { 'content-length': String(Buffer.byteLength(options.body)) }),
        },
      },
      (incoming) => {
        collect(incoming).then(resolve, reject)
      },
    )
    outgoing.once('error', reject)
    outgoing.end(options.body)
  })
}

async function callOverHttp2(target: URL, options: CallOptions): Promise<Answer> {
  const session = openHttp2(Number(target.port))
  const { host, ...headers }: Record<string, string> & { host?: string } = {
    ...(options.headers as Record<string, string>),
  }
  const answer = await callHttp2(session, {
    method: options.method ?? 'GET',
    path: `${target.pathname}${target.search}`,
    authority: host ?? target.host,
    headers,
    ...(options.body === undefined ? {} : { body: options.body }),
  })
  session.destroy()
  const text = Buffer.from(answer.body, 'latin1').toString('utf8')
  return { ...answer, text, json: () => JSON.parse(text) }
}

async function collect(incoming: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString('utf8')
  return {
    status: incoming.statusCode ?? 0,
    headers: incoming.headers,
    text,
    json: () => JSON.parse(text),
  }
}

/** A program that keeps cookies, per origin, as a browser would. */
export class Client {
  readonly #cookies = new Map<string, Map<string, string>>()
  /** Sent with everything, such as what the browser is called. */
  headers: Readonly<Record<string, string>> = {}

  async call(url: string, options: CallOptions = {}): Promise<Answer> {
    const { host } = new URL(url)
    const jar = this.#cookies.get(host) ?? new Map<string, string>()
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await call(url, {
      ...options,
      headers: { ...this.headers, ...(cookie === '' ? {} : { cookie }), ...options.headers },
    })
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [pair = ''] = line.split(';')
      const equals = pair.indexOf('=')
      const name = pair.slice(0, equals)
      if (/max-age=0/i.test(line) || /expires=Thu, 01 Jan 1970/i.test(line)) jar.delete(name)
      else jar.set(name, pair.slice(equals + 1))
    }
    this.#cookies.set(host, jar)
    return answer
  }

  post(
    url: string,
    body: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    return this.call(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  }

  form(url: string, fields: Readonly<Record<string, string>>): Promise<Answer> {
    return this.call(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/json',
      },
      body: new URLSearchParams(fields).toString(),
    })
  }

  cookie(url: string, name: string): string | undefined {
    return this.#cookies.get(new URL(url).host)?.get(name)
  }

  setCookie(url: string, name: string, value: string): void {
    const { host } = new URL(url)
    const jar = this.#cookies.get(host) ?? new Map<string, string>()
    jar.set(name, value)
    this.#cookies.set(host, jar)
  }

  /** Follows redirects, across hosts, until an answer is none or `until` says stop. */
  async follow(
    url: string,
    until: (location: string) => boolean = () => false,
    headers: Readonly<Record<string, string>> = { accept: 'text/html' },
  ): Promise<{ url: string; answer: Answer }> {
    let at = url
    for (let hop = 0; hop < 20; hop++) {
      const answer = await this.call(at, { headers })
      const { location } = answer.headers
      if (location === undefined) return { url: at, answer }
      at = new URL(location, at).href
      if (until(at)) return { url: at, answer }
    }
    throw new Error('too many redirects')
  }
}

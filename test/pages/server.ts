import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  assetCacheControl,
  assetFor,
  contentSecurityPolicy,
  refusalStyleHash,
} from '../../src/pages/index.ts'

/** A request that was not for a page or an asset, as the server saw it. */
export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** What a test answers: a status with JSON, or the address to send the browser to. */
export type Reply = { readonly status?: number; readonly json: unknown } | { readonly to: string }

/** A server of pages with the headers they are meant for. */
export interface PageServer extends AsyncDisposable {
  readonly origin: string
  readonly pages: Map<string, string>
  /** Every request besides those for pages and assets. */
  readonly seen: Seen[]
  /** Answers by path; a function may look at the request. */
  readonly replies: Map<string, Reply | ((seen: Seen) => Reply)>
}

export async function servePages(pages: ReadonlyMap<string, string>): Promise<PageServer> {
  const known = new Map(pages)
  const seen: Seen[] = []
  const replies: PageServer['replies'] = new Map()
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const [, first = '', ...rest] = url.pathname.split('/')
    const page = known.get(first)
    const name = /^(?:\/\.proofgate)?\/assets\/(.+)$/.exec(url.pathname)?.[1] ?? ''
    const asset = assetFor(name)
    if (asset !== undefined) {
      const kept = assetCacheControl(name, url.searchParams.get('v') ?? undefined)
      response.writeHead(200, {
        'content-type': asset.contentType,
        'cache-control': kept,
        'x-content-type-options': 'nosniff',
      })
      response.end(asset.body)
    } else if (request.method === 'GET' && page !== undefined && rest.length === 0) {
      const needs =
        first === 'refusal' || first === 'continue' ? { inlineStyle: refusalStyleHash() } : {}
      response.writeHead(200, {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': contentSecurityPolicy(needs),
        'cache-control': 'no-store',
      })
      response.end(page)
    } else {
      void answer(request, url.pathname).then((reply) => {
        if ('to' in reply) response.writeHead(303, { location: reply.to }).end()
        else {
          response.writeHead(reply.status ?? 200, { 'content-type': 'application/json' })
          response.end(JSON.stringify(reply.json))
        }
      })
    }
  })
  async function answer(request: IncomingMessage, path: string): Promise<Reply> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    const one = { method: request.method ?? '', path, headers: request.headers, body }
    seen.push(one)
    const reply = replies.get(path)
    if (reply === undefined) return { status: 404, json: { code: 'test.unknown_path' } }
    return typeof reply === 'function' ? reply(one) : reply
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://localhost:${port}`,
    pages: known,
    seen,
    replies,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isRefusal, ProofgateError, randomId } from '../core/index.ts'
import type { Refusal, Secret } from '../core/index.ts'
import {
  httpErrors,
  problemOf,
  readJsonObject,
  send,
  sendJson,
  sendProblem,
} from '../http/index.ts'
import { adminErrors } from './errors.ts'
import type { Administration } from './administration.ts'

export interface AdminListenerParts {
  readonly administration: Administration
  /** Bearer secret of this run. */
  readonly secret: Secret
  /** Prometheus text (exposition format 0.0.4). */
  readonly metrics: () => Promise<string>
  /** Empty when the process can do its work; otherwise what is wrong. */
  readonly notReady: () => readonly string[]
  readonly onError: (error: unknown, requestId: string) => void
}

interface Refused {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly refusal: Refusal
  readonly requestId: string
}

/**
 * Health, metrics and administration on a loopback address of their own. Health and metrics are open to
 * whoever is on this machine; administration takes the secret that only the data directory's owner can read.
 */
export class AdminListener {
  readonly #server: Server
  readonly #parts: AdminListenerParts
  #hosts: ReadonlySet<string> = new Set()

  constructor(parts: AdminListenerParts) {
    this.#parts = parts
    this.#server = createServer(
      { maxHeaderSize: 8192, requestTimeout: 30_000 },
      (request, response) => {
        const requestId = randomId()
        this.#serve(request, response)
          .then((refusal) => {
            if (refusal !== undefined) this.#refuse({ request, response, refusal, requestId })
          })
          .catch((error: unknown) => {
            parts.onError(error, requestId)
            sendProblem(response, httpErrors.refuse('internal'), requestId)
          })
      },
    )
  }

  /** Resolves with the port that was bound. */
  async listen(address: string, port: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#server.once('error', (cause) => {
      reject(
        new ProofgateError('admin.cannot_listen', `cannot listen on ${address}:${port}`, {
          cause,
          hint: 'Choose another port for `listeners.admin` (`--admin-port`).',
        }),
      )
    })
    this.#server.listen(port, address, resolve)
    await promise
    const bound = (this.#server.address() as AddressInfo).port
    this.#hosts = new Set([
      `${address}:${bound}`,
      `localhost:${bound}`,
      `127.0.0.1:${bound}`,
      `[::1]:${bound}`,
    ])
    return bound
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    this.#server.closeAllConnections()
    await closed
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<Refusal | undefined> {
    if (!this.#hosts.has(request.headers.host ?? '')) return adminErrors.refuse('host_not_allowed')
    const [path = ''] = (request.url ?? '').split('?', 1)
    if (request.method === 'GET' && (await this.#serveOpen(path, response))) return undefined
    return this.#isAllowed(request)
      ? this.#administer(request, response, path)
      : adminErrors.refuse('unauthorized', undefined, { 'www-authenticate': 'Bearer' })
  }

  /** Who may administer reads what was found as well; the secret that shows it was checked before. */
  #refuse({ request, response, refusal, requestId }: Refused): void {
    const { detail } = refusal
    if (detail === undefined || !this.#isAllowed(request)) {
      sendProblem(response, refusal, requestId)
      return
    }
    const headers = { ...refusal.headers, 'content-type': 'application/problem+json' }
    sendJson(response, refusal.status, { ...problemOf(refusal, requestId), detail }, headers)
  }

  #isAllowed(request: IncomingMessage): boolean {
    const given = /^Bearer ([A-Za-z0-9_-]{43})$/.exec(request.headers.authorization ?? '')?.[1]
    return given !== undefined && this.#parts.secret.equals(given)
  }

  async #administer(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
  ): Promise<Refusal | undefined> {
    const body = await readJsonObject(request)
    if (isRefusal(body)) return body
    const outcome = await this.#parts.administration.run(request.method ?? '', path, body)
    if (isRefusal(outcome)) return outcome
    sendJson(response, 200, outcome ?? {})
    return undefined
  }

  async #serveOpen(path: string, response: ServerResponse): Promise<boolean> {
    if (path === '/healthz') {
      send(response, 200, 'ok\n', { 'content-type': 'text/plain' })
    } else if (path === '/readyz') {
      const problems = this.#parts.notReady()
      sendJson(response, problems.length === 0 ? 200 : 503, {
        ready: problems.length === 0,
        problems,
      })
    } else if (path === '/metrics') {
      const metrics = await this.#parts.metrics()
      send(response, 200, metrics, { 'content-type': 'text/plain; version=0.0.4' })
    } else {
      return false
    }
    return true
  }
}

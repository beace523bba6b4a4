import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Refusal } from '../core/index.ts'
import { isRefusal } from '../core/index.ts'
import { httpErrors } from './errors.ts'

/** One request to one of our own surfaces. */
export interface HttpExchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly requestId: string
  /** The peer's address. */
  readonly address: string
  /** Path below the surface's mount point, without the query. */
  readonly path: string
  readonly query: URLSearchParams
  /** Values of `{name}` segments, decoded. */
  readonly parameters: Readonly<Record<string, string>>
}

/** Answers the exchange itself, or returns the refusal that the surface then sends. */
export type Handler = (exchange: HttpExchange) => Promise<Refusal | void> | Refusal | void

export interface RouteTable {
  /** `GET /account/sessions/{id}/end` -> handler. */
  readonly [methodAndPattern: string]: Handler
}

interface Entry {
  readonly method: string
  readonly pattern: string
  readonly handler: Handler
}

/** Finds handlers by method and path; literal segments and `{name}`, nothing else. */
export class Router {
  readonly #entries: Entry[] = []

  constructor(...tables: readonly RouteTable[]) {
    for (const table of tables) {
      for (const [key, handler] of Object.entries(table)) {
        const [method = '', pattern = ''] = key.split(' ')
        this.#entries.push({ method, pattern, handler })
      }
    }
  }

  /** The refusal is 404 or 405; `undefined` parameters never happen. */
  find(
    method: string,
    path: string,
  ): { handler: Handler; parameters: Record<string, string> } | Refusal {
    const allowed: string[] = []
    for (const entry of this.#entries) {
      const parameters = matchPath(entry.pattern, path)
      if (parameters === undefined) continue
      if (entry.method === method || (method === 'HEAD' && entry.method === 'GET')) {
        return { handler: entry.handler, parameters }
      }
      allowed.push(entry.method)
    }
    if (allowed.length === 0) return httpErrors.refuse('not_found')
    return httpErrors.refuse('method_not_allowed', undefined, { allow: allowed.join(', ') })
  }

  /** Runs the handler; answers the refusal it returned, or the one for no route. */
  async run(exchange: Omit<HttpExchange, 'parameters'>): Promise<Refusal | undefined> {
    const found = this.find(exchange.request.method ?? '', exchange.path)
    if (isRefusal(found)) return found
    const outcome = await found.handler({ ...exchange, parameters: found.parameters })
    return isRefusal(outcome) ? outcome : undefined
  }
}

/** The decoded `{name}` segments when the path fits the pattern; `undefined` when it does not. */
export function matchPath(pattern: string, path: string): Record<string, string> | undefined {
  const expected = pattern.split('/')
  const segments = path.split('/')
  if (expected.length !== segments.length) return undefined
  const parameters: Record<string, string> = Object.create(null) as Record<string, string>
  for (const [index, part] of expected.entries()) {
    const segment = segments[index] ?? ''
    if (!part.startsWith('{')) {
      if (segment !== part) return undefined
      continue
    }
    const value = decodeSegment(segment)
    if (value === undefined || value === '') return undefined
    parameters[part.slice(1, -1)] = value
  }
  return parameters
}

function decodeSegment(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}

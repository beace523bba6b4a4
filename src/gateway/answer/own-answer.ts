import { STATUS_CODES } from 'node:http'
import { isRefusal } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import { gatewayErrors } from '../errors.ts'
import { owesLongBody } from '../incoming/screen.ts'
import { parseTarget } from '../incoming/target.ts'
import { editAnswered } from '../rewrite/answered.ts'
import { fillPath } from '../rewrite/rewrite.ts'
import type { Value } from '../rewrite/values.ts'
import type { Admitted } from '../stages.ts'

/** What a route answers by itself, without asking a service. */
export type OwnAnswer =
  | {
      readonly kind: 'respond'
      readonly status: number
      /** Flat name, value pairs; `content-type` among them when there is a body. */
      readonly headers: readonly string[]
      readonly body: Buffer
    }
  | {
      readonly kind: 'redirect'
      readonly status: number
      /** `https://www.example.com`, or empty to stay at this origin. */
      readonly origin: string
      readonly path: Value
      /** A fixed query or fragment with its first sign; empty for none. */
      readonly tail: string
    }

/**
 * Where a redirect leads for one request; `undefined` for other answers.
 *
 * Invariant: the origin is configured text, and the path is in the normal form of paths, so it never begins
 * with two slashes: nothing a caller sends leads to another site.
 */
export function locationOf(answer: OwnAnswer, path: string): string | Refusal | undefined {
  if (answer.kind === 'respond') return undefined
  const made = fillPath(path, answer.path)
  const parsed = parseTarget(made)
  if (isRefusal(parsed)) return parsed
  if (parsed.path !== made) {
    return gatewayErrors.refuse('ambiguous_path', 'what is redirected to has another form')
  }
  return `${answer.origin}${made}${answer.tail}`
}

/** Sends the answer of a route that asks no service. */
export function answerOwn(admitted: Admitted, answer: OwnAnswer): void {
  const { response, request, requestId, method } = admitted.routed.incoming
  if (response.headersSent || response.destroyed) return
  const isFixed = answer.kind === 'respond'
  const body = isFixed ? answer.body : nobody
  const own = isFixed ? [...answer.headers] : ['location', admitted.plan?.location ?? '/']
  own.push('x-content-type-options', 'nosniff')
  const headers = editAnswered(own, admitted)
  if (!isBodiless(answer.status)) headers.push('content-length', String(body.length))
  if (owesLongBody(request)) headers.push('connection', 'close')
  headers.push('x-request-id', requestId)
  response.writeHead(answer.status, STATUS_CODES[answer.status] ?? '', headers)
  if (method === 'HEAD' || body.length === 0) response.end()
  else response.end(body)
}

const nobody = Buffer.alloc(0)

/** RFC 9110 6.4.1. */
function isBodiless(status: number): boolean {
  return status === 204 || status === 205 || status === 304
}

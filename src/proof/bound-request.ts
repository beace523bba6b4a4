import { createHash } from 'node:crypto'
import { toBase64url } from '../core/index.ts'

/** A request as a proof binds it: exactly what was received, before the gateway changes anything. */
export interface BoundRequest {
  readonly method: string
  /** Host and port as the API is known, lower case: `api.example.com`, `localhost:8080`. */
  readonly authority: string
  /** Path and query as they are decided on, percent-escapes untouched: `/orders/7?force=1`. */
  readonly target: string
  /** All values of each header that is bound, in their order; no values when the request has none. */
  readonly headers: readonly BoundHeader[]
  /** The body's bytes, none for a request without one; or their SHA-256 in base64url. */
  readonly content: Uint8Array | string
}

/** Name in lower case. */
export type BoundHeader = readonly [name: string, values: readonly string[]]

const tag = 'proofgate-request/1'

/** Whose meaning changes with them is bound always. */
export const alwaysBound: readonly string[] = ['content-type']

/**
 * The canonical form of a request: a JSON array of fixed length and order, as `JSON.stringify` prints it.
 * docs/proof-format.md describes it byte by byte.
 */
export function canonicalRequest(request: BoundRequest): string {
  const { content } = request
  return JSON.stringify([
    tag,
    request.method,
    request.authority,
    request.target,
    request.headers,
    typeof content === 'string' ? content : contentDigest(content),
  ])
}

export function contentDigest(content: Uint8Array): string {
  return toBase64url(createHash('sha256').update(content).digest())
}

/** SHA-256 of the canonical form in UTF-8, base64url. */
export function requestDigest(request: BoundRequest): string {
  return toBase64url(createHash('sha256').update(canonicalRequest(request)).digest())
}

/** The names that are bound: those asked for and those that always are; sorted, each once. */
export function boundNames(listed: readonly string[]): readonly string[] {
  return [...new Set([...alwaysBound, ...listed.map((name) => name.toLowerCase())])].sort()
}

/**
 * The bound headers of a request.
 *
 * @param rawHeaders - flat name, value pairs as received.
 */
export function boundHeaders(
  names: readonly string[],
  rawHeaders: readonly string[],
): readonly BoundHeader[] {
  return names.map((name): BoundHeader => {
    const values: string[] = []
    for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
      if (rawHeaders[at]?.toLowerCase() === name) values.push(rawHeaders[at + 1] ?? '')
    }
    return [name, values]
  })
}

import type { IncomingMessage } from 'node:http'
import { isJsonObject, parseJson } from '../core/index.ts'
import type { JsonObject, Refusal } from '../core/index.ts'
import { httpErrors } from './errors.ts'

/** Bodies of our own endpoints are small: ceremonies with attestation are the largest. */
export const defaultBodyLimit = 64 * 1024

/** Reads a body up to `limit` bytes; more is refused without reading the rest. */
export async function readBody(
  request: IncomingMessage,
  limit = defaultBodyLimit,
): Promise<Buffer | Refusal> {
  const declared = Number(request.headers['content-length'] ?? 0)
  if (declared > limit) return httpErrors.refuse('body_too_large')
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > limit) return httpErrors.refuse('body_too_large')
      chunks.push(chunk)
    }
  } catch {
    return httpErrors.refuse('malformed', 'the body ended early')
  }
  return Buffer.concat(chunks)
}

/** Reads a JSON object, which inherits nothing; an empty body reads as `{}`. */
export async function readJsonObject(
  request: IncomingMessage,
  limit = defaultBodyLimit,
): Promise<JsonObject | Refusal> {
  const body = await readBody(request, limit)
  if (!Buffer.isBuffer(body)) return body
  if (body.length === 0) return Object.create(null) as JsonObject
  if (mediaType(request) !== 'application/json') return httpErrors.refuse('media_type_unsupported')
  const text = decodeUtf8(body)
  const value = text === undefined ? undefined : parseJson(text, { length: limit, depth: 12 })
  if (!isJsonObject(value)) return httpErrors.refuse('malformed', 'not a JSON object')
  return Object.assign(Object.create(null) as JsonObject, value)
}

/** Reads a form; a field that occurs twice is refused. */
export async function readForm(
  request: IncomingMessage,
  limit = defaultBodyLimit,
): Promise<ReadonlyMap<string, string> | Refusal> {
  const body = await readBody(request, limit)
  if (!Buffer.isBuffer(body)) return body
  if (body.length > 0 && mediaType(request) !== 'application/x-www-form-urlencoded') {
    return httpErrors.refuse('media_type_unsupported')
  }
  const fields = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(body.toString('utf8'))) {
    if (fields.has(name)) return httpErrors.refuse('malformed', 'a form field occurs twice')
    fields.set(name, value)
  }
  return fields
}

function mediaType(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

function decodeUtf8(body: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch {
    return undefined
  }
}

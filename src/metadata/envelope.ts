import { createHash } from 'node:crypto'
import { isJsonObject, ownProperty } from '../core/index.ts'
import type { Instant } from '../core/index.ts'

/** A list as it is kept, with what has to be known of it without reading it. */
export interface Envelope {
  readonly no: number
  readonly importedAt: Instant
  readonly blob: string
}

/** The text of the file. */
export function sealEnvelope(envelope: Envelope): string {
  return `${JSON.stringify({ format: 1, sha256: digestOf(envelope), ...envelope })}\n`
}

/** `undefined` for a file that is not, byte for byte, what was sealed. */
export function openEnvelope(text: string): Envelope | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isJsonObject(value) || ownProperty(value, 'format') !== 1) return undefined
  const { no, importedAt, blob, sha256 } = value
  if (!Number.isSafeInteger(no) || !Number.isSafeInteger(importedAt)) return undefined
  if (typeof blob !== 'string') return undefined
  const envelope = { no: Number(no), importedAt: Number(importedAt), blob }
  return sha256 === digestOf(envelope) ? envelope : undefined
}

function digestOf({ no, importedAt, blob }: Envelope): string {
  return createHash('sha256').update(`${no} ${importedAt} ${blob}`).digest('hex')
}

import { connectionFields } from '../connection-fields.ts'
import type { FieldList } from '../hpack/decoder.ts'

/** Whether a field section may stand behind a body (RFC 9113 8.1, 8.2.2). */
export function isTrailerSection({ fields, malformed, tooLarge }: FieldList): boolean {
  if (malformed !== undefined || tooLarge) return false
  return fields.every((text, index) => index % 2 === 1 || mayTrail(text))
}

function mayTrail(name: string): boolean {
  return !name.startsWith(':') && !connectionFields.has(name)
}

import type { FieldList } from '../hpack/decoder.ts'

/** Whether a field section may stand behind a body: it holds no pseudo-header fields (RFC 9113 8.1). */
export function isTrailerSection({ fields, malformed, tooLarge }: FieldList): boolean {
  if (malformed !== undefined || tooLarge) return false
  return fields.every((text, index) => index % 2 === 1 || !text.startsWith(':'))
}

import type { Brand } from '../core/index.ts'

/** A path on our own origin that a browser may be sent back to. Only `parseReturnTo` makes one. */
export type ReturnTo = Brand<string, 'ReturnTo'>

const longest = 2048
/** Visible ASCII without `\`: everything a browser would fold, trim or read as another host is out. */
const harmless = /^\/(?![/\\])[!-[\]-~]*$/

/**
 * Invariant: redirects stay home. Anything that is not plainly a path of this origin reads as `/`.
 */
export function parseReturnTo(value: string | null | undefined, fallback = '/'): ReturnTo {
  if (value === null || value === undefined || value.length > longest || !harmless.test(value)) {
    return fallback as ReturnTo
  }
  const base = 'http://home.invalid'
  const parsed = URL.parse(value, base)
  if (parsed === null || parsed.origin !== base) return fallback as ReturnTo
  // Judged again after the parser's normal form and once decoded, as a second hop would see it.
  const path = parsed.pathname
  if (path.startsWith('//') || /^\/(%2f|%5c|%09|%0a|%0d)/i.test(path)) return fallback as ReturnTo
  return `${path}${parsed.search}` as ReturnTo
}

import { isFieldValue, isToken } from './alphabet.ts'

/** What a trailer section may not hold, because a recipient that merged it would be misled. */
const notInTrailers: ReadonlySet<string> = new Set([
  'authorization',
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'www-authenticate',
])

/** Whether a field may stand in a trailer section (RFC 9110 6.5.1). */
export function belongsInTrailers(name: string): boolean {
  return !notInTrailers.has(name.toLowerCase())
}

/**
 * Writes a trailer section with its empty line. Trailers come from callers as they are and may always
 * be discarded (RFC 9110 6.5.1), so what does not belong or could add a line is left out.
 */
export function encodeTrailers(trailers: readonly string[]): string {
  let text = ''
  for (let at = 0; at < trailers.length; at += 2) {
    const name = trailers[at] ?? ''
    const value = trailers[at + 1]
    const sound = value !== undefined && isToken(name) && isFieldValue(value)
    if (sound && belongsInTrailers(name)) text += `${name}: ${value}\r\n`
  }
  return `${text}\r\n`
}

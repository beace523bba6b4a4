const loopback = new Set(['127.0.0.1', '[::1]', 'localhost'])
const longest = 2048

/**
 * Whether a list may be fetched from an address: over TLS, or from this machine. The signature says whose list it
 * is; TLS keeps an observer from learning or holding up what is asked for.
 */
export function isFetchable(text: string): boolean {
  const url = text.length <= longest ? URL.parse(text) : null
  if (url === null || url.username !== '' || url.password !== '' || url.hash !== '') return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && loopback.has(url.hostname))
}

/** scheme, authority, path; the query and the fragment that follow take no part. */
const shape = /^(https?):\/\/([^/?#]+)([^?#]*)/i
const printable = /^[\u0021-\u007E]+$/
const defaultPort = { http: /:80$/, https: /:443$/ } as const

/**
 * The form in which an `htu` and a request's address are compared (RFC 9449 4.3 step 9 with RFC 3986
 * 6.2.2 and 6.2.3): scheme and host in lower case, no default port, no query, no fragment, percent
 * encoding with capital digits and only where needed. `undefined` for what is not an absolute HTTP
 * address, has user information, white space, a backslash or characters outside ASCII.
 *
 * Dot segments stay as they are: a proof for `/a/../b` is no proof for `/b`.
 */
export function proofTarget(address: string): string | undefined {
  const match = shape.exec(address)
  if (match === null || !printable.test(address) || address.includes('\\')) return undefined
  const [, rawScheme = '', rawAuthority = '', rawPath = ''] = match
  if (rawAuthority.includes('@') || /%(?![0-9a-f]{2})/i.test(address)) return undefined
  const scheme = rawScheme.toLowerCase() === 'https' ? 'https' : 'http'
  const authority = rawAuthority.toLowerCase().replace(defaultPort[scheme], '').replace(/:$/, '')
  if (authority === '') return undefined
  return `${scheme}://${authority}${rawPath === '' ? '/' : normalPercent(rawPath)}`
}

function normalPercent(path: string): string {
  return path.replace(/%[0-9a-f]{2}/gi, (triplet) => {
    const char = String.fromCharCode(Number.parseInt(triplet.slice(1), 16))
    return /[A-Za-z0-9._~-]/.test(char) ? char : triplet.toUpperCase()
  })
}

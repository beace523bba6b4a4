/** Longest `Cookie` header that is looked at. */
const maxCookieHeader = 8192

/**
 * The value of one cookie. Answers `undefined` when it is absent, and also when it occurs twice: which
 * of two is meant is not ours to guess.
 */
export function readCookie(header: string | undefined, name: string): string | undefined {
  if (header === undefined || header.length > maxCookieHeader) return undefined
  let found: string | undefined
  for (const part of header.split(';')) {
    const equals = part.indexOf('=')
    if (equals === -1 || part.slice(0, equals).trim() !== name) continue
    if (found !== undefined) return undefined
    found = part.slice(equals + 1).trim()
  }
  return found
}

/** Removes named cookies from a `Cookie` header; `undefined` when nothing is left. */
export function withoutCookies(header: string, names: ReadonlySet<string>): string | undefined {
  const kept = header
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '' && !names.has(part.split('=', 1)[0]?.trim() ?? ''))
  return kept.length === 0 ? undefined : kept.join('; ')
}

export interface CookieOptions {
  readonly name: string
  readonly value: string
  readonly secure: boolean
  readonly sameSite: 'Lax' | 'Strict'
  /** Seconds; absent = until the browser closes, 0 = remove. */
  readonly maxAge?: number
}

/** A host-only, script-invisible cookie (RFC 6265bis). */
export function cookie(options: CookieOptions): string {
  const age = options.maxAge === undefined ? '' : `; Max-Age=${options.maxAge}`
  const secure = options.secure ? '; Secure' : ''
  return `${options.name}=${options.value}; Path=/; HttpOnly; SameSite=${options.sameSite}${secure}${age}`
}

/**
 * The name for an origin: `__Host-` (which browsers only accept with `Secure`, `Path=/` and no domain)
 * wherever the origin is https; plain http on this machine cannot carry it.
 */
export function cookieName(base: string, secure: boolean): string {
  return secure ? `__Host-${base}` : base
}

import { invariant } from '../core/index.ts'

/** What a page needs beyond the strict policy that every page gets. */
export interface PolicyNeeds {
  /**
   * Origins a form may lead to besides this one. A browser applies `form-action` to the redirects
   * after a form as well, so the page before a redirect to a client names the client's origin.
   */
  readonly formAction?: readonly string[]
  /** The hash source of the page's one inline style sheet, such as `refusalStyleHash()`. */
  readonly inlineStyle?: string
}

/**
 * The `form-action` source for a form whose answer leads to `address`: its origin or, where the policy
 * has no words for the host (CSP Level 3 2.3.1 knows no IPv6), its scheme.
 */
export function formActionSource(address: string): string {
  const { origin, hostname, protocol } = new URL(address)
  return hostname.startsWith('[') || origin === 'null' ? protocol : origin
}

/**
 * The Content-Security-Policy of our pages (CSP Level 3, Trusted Types): nothing from elsewhere,
 * nothing inline, no frames around us, no text that becomes script.
 */
export function contentSecurityPolicy(needs: PolicyNeeds = {}): string {
  for (const source of needs.formAction ?? []) {
    invariant(/^[a-z][a-z0-9+.-]*:[^\s;,']*$/i.test(source), 'a form-action source is malformed')
  }
  const { inlineStyle } = needs
  invariant(
    inlineStyle === undefined || /^sha256-[A-Za-z0-9+/]{43}=$/.test(inlineStyle),
    'the hash of a style sheet is malformed',
  )
  return [
    "default-src 'none'",
    "script-src 'self'",
    ["style-src 'self'", ...(inlineStyle === undefined ? [] : [`'${inlineStyle}'`])].join(' '),
    "img-src 'self' data:",
    "connect-src 'self'",
    ["form-action 'self'", ...(needs.formAction ?? [])].join(' '),
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ')
}

import { isIPv6 } from 'node:net'
import { canonicalAddress } from '../../core/index.ts'

/** `token=token` or `token="text"`, and its `;` (RFC 7239 4). Escapes within the quotes are not read. */
const pair =
  /([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|"([^"\\]*)")[ \t]*(?:;[ \t]*|$)/gy

/**
 * The addresses of the `for` parameters of a `Forwarded` header (RFC 7239), the nearest first. `undefined` for
 * an element that names none: `unknown`, an obfuscated identifier, no `for`, or what is malformed.
 *
 * Invariant: read from its end, which the nearest proxy wrote. What a caller wrote before it, an open quote for
 * one, cannot change how that is understood.
 */
export function* forwardedFor(text: string): Generator<string | undefined> {
  let end = text.length
  while (end >= 0) {
    const start = startOfElement(text, end)
    yield addressIn(text.slice(start, end).trim())
    end = start - 1
  }
}

/** Behind the nearest comma before `end` that stands in no quotes, counted from `end`. */
function startOfElement(text: string, end: number): number {
  let isQuoted = false
  for (let at = end - 1; at >= 0; at--) {
    if (text[at] === '"') isQuoted = !isQuoted
    else if (text[at] === ',' && !isQuoted) return at + 1
  }
  return 0
}

function addressIn(element: string): string | undefined {
  let node: string | undefined
  pair.lastIndex = 0
  while (pair.lastIndex < element.length) {
    const found = pair.exec(element)
    if (found === null) return undefined
    const [, name = '', token, quoted] = found
    if (name.toLowerCase() !== 'for') continue
    if (node !== undefined) return undefined
    node = token ?? quoted ?? ''
  }
  return node === undefined ? undefined : addressOf(node)
}

/** RFC 7239 6: an address, IPv6 in brackets, with or without a port that may be obfuscated. */
function addressOf(node: string): string | undefined {
  const match =
    /^(?:([0-9.]{7,15})|\[([0-9A-Fa-f:.]{2,45})\])(?::(?:\d{1,5}|_[A-Za-z0-9._-]+))?$/.exec(node)
  return canonicalAddress(match?.[1] ?? match?.[2] ?? '')
}

/** Our own element for services (RFC 7239 4). */
export function forwardedElement(facts: {
  readonly address: string
  readonly scheme: string
  readonly authority: string
}): string {
  const { address, scheme, authority } = facts
  const node = isIPv6(address) ? `"[${address}]"` : address
  // A host that was routed holds nothing that would need escaping.
  return `for=${node};host="${authority}";proto=${scheme}`
}

import type { Incoming } from './incoming.ts'
import type { Api } from '../route.ts'

const shape = /^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::(\d{1,5}))?$/

/**
 * The form in which hosts are compared: lower case, without one trailing dot, without the scheme's own
 * port. `undefined` for what is no host.
 */
export function canonicalAuthority(
  authority: string,
  scheme: 'http' | 'https',
): string | undefined {
  const match = shape.exec(authority)
  if (match === null) return undefined
  const port = match[1]
  const host = (port === undefined ? authority : authority.slice(0, -port.length - 1))
    .toLowerCase()
    .replace(/\.$/, '')
  if (host === '') return undefined
  const isDefault = port === undefined || Number(port) === (scheme === 'https' ? 443 : 80)
  return isDefault ? host : `${host}:${Number(port)}`
}

/**
 * Whether the certificate we showed on the connection is for another host (RFC 9110 7.4). Browsers send requests
 * for several hosts over one HTTP/2 connection when they believe its certificate for all of them.
 *
 * Invariant: a connection never serves a host its certificate is not for, whatever was proven on it.
 */
export function isMisdirected({
  protocol,
  peer,
  authority,
}: Pick<Incoming, 'protocol' | 'peer' | 'authority'>): boolean {
  if (protocol !== 'h2' || peer.covered === undefined) return false
  const host = canonicalAuthority(authority, 'https')
  return host === undefined || !peer.covered.has(hostnameOf(host))
}

/** Without port and brackets. */
function hostnameOf(authority: string): string {
  return authority.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
}

/** The API of a `Host` line: as it is written almost always, else in the form in which hosts are compared. */
export function findApi<Found extends Pick<Api, 'secure'>>(
  table: { readonly apis: ReadonlyMap<string, Found> },
  host: string,
): Found | undefined {
  return table.apis.get(host) ?? findCanonical(table, host)
}

function findCanonical<Found extends Pick<Api, 'secure'>>(
  table: { readonly apis: ReadonlyMap<string, Found> },
  host: string,
): Found | undefined {
  const plain = canonicalAuthority(host, 'http')
  const found = plain === undefined ? undefined : table.apis.get(plain)
  if (found !== undefined && !found.secure) return found
  const secure = canonicalAuthority(host, 'https')
  const other = secure === undefined ? undefined : table.apis.get(secure)
  return other?.secure === true ? other : undefined
}

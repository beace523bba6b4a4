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

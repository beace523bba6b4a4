import type { X509Certificate } from 'node:crypto'
import { canonicalAddress } from '../core/index.ts'

/**
 * The subject alternative names of a certificate, with their kind before them: `DNS:api.example.com`,
 * `URI:spiffe://...`, `IP:127.0.0.1`, `email:a@example.com`. `undefined` when they cannot be told
 * apart: then nothing that is decided by them may be decided.
 */
export function alternativeNames(certificate: X509Certificate): readonly string[] | undefined {
  const text = certificate.subjectAltName
  if (text === undefined) return []
  const names: string[] = []
  // The runtime quotes, as JSON, every name in which a comma or the like could be mistaken for an end.
  const item = /(?:^|, )([A-Za-z][A-Za-z ]*):(?:("(?:[^"\\]|\\.)*")|([^",]*))(?=, |$)/gy
  while (item.lastIndex < text.length) {
    const found = item.exec(text)
    if (found === null) return undefined
    const [, kind = '', quoted, plain = ''] = found
    names.push(nameOf(kind, quoted === undefined ? plain : String(JSON.parse(quoted))))
  }
  return names
}

function nameOf(kind: string, value: string): string {
  return kind === 'IP Address' ? `IP:${canonicalAddress(value) ?? value}` : `${kind}:${value}`
}

/**
 * Whether a certificate is for a host (RFC 9110 4.3.4, RFC 9525 6.3): by its alternative names alone, a
 * wildcard standing for one whole label at the left. `host` is lower case, without port, brackets and dot
 * at its end.
 */
export class CoveredHosts {
  readonly #names = new Set<string>()

  constructor(certificate: X509Certificate) {
    for (const name of alternativeNames(certificate) ?? []) {
      if (name.startsWith('DNS:')) this.#names.add(name.slice(4).toLowerCase())
      else if (name.startsWith('IP:')) this.#names.add(name.slice(3))
    }
  }

  has(host: string): boolean {
    const address = canonicalAddress(host)
    if (address !== undefined) return this.#names.has(address)
    if (this.#names.has(host)) return true
    const dot = host.indexOf('.')
    return dot > 0 && this.#names.has(`*${host.slice(dot)}`)
  }
}

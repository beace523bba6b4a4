import type { X509Certificate } from 'node:crypto'
import { alternativeNames } from './names.ts'

/** What a verified client certificate says, as policies see it. */
export interface CertificateFacts {
  /** RFC 4514: `CN=alice,O=Example`. */
  readonly subject: string
  readonly issuer: string
  /** With their kind before them: `URI:spiffe://example/alice`, `email:alice@example.com`. */
  readonly alternativeNames: readonly string[]
  /** SHA-256 of the whole certificate, 64 hex digits in lower case. */
  readonly fingerprint: string
  /** The same in base64url: the `x5t#S256` of RFC 8705 3.1. */
  readonly thumbprint: string
  /** Hex in lower case, as `openssl x509 -serial` counts it. */
  readonly serial: string
}

/** `undefined` for a certificate whose names cannot be read for certain. */
export function certificateFacts(certificate: X509Certificate): CertificateFacts | undefined {
  const names = alternativeNames(certificate)
  if (names === undefined) return undefined
  const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase()
  return Object.freeze({
    subject: distinguishedName(certificate.subject),
    issuer: distinguishedName(certificate.issuer),
    alternativeNames: Object.freeze(names),
    fingerprint,
    thumbprint: Buffer.from(fingerprint, 'hex').toString('base64url'),
    serial: certificate.serialNumber.toLowerCase(),
  })
}

/** The runtime gives one escaped part per line, the least specific first. */
function distinguishedName(lines: string | undefined): string {
  return (lines ?? '').split('\n').toReversed().join(',')
}

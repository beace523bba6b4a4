import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

/** Certificates of one file: a chain is a handful, a list of authorities a few hundred. */
const mostCertificates = 512

const block = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g

/** The certificates of a PEM text, in order. `undefined` when there is none, or one that cannot be read. */
export function parseCertificates(text: string): readonly X509Certificate[] | undefined {
  const blocks = text.match(block) ?? []
  if (blocks.length === 0 || blocks.length > mostCertificates) return undefined
  try {
    return blocks.map((pem) => new X509Certificate(pem))
  } catch {
    return undefined
  }
}

/** The private key of a PEM text; keys with a passphrase are not read. */
export function parseKey(text: string): KeyObject | undefined {
  try {
    return createPrivateKey(text)
  } catch {
    return undefined
  }
}

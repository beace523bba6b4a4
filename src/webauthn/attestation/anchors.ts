import { createPublicKey, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

import { parseCertificate } from './certificate.ts'
import { keyFingerprint } from './trust.ts'
import type { TrustAnchor } from './trust.ts'

const block = /-----BEGIN (CERTIFICATE|PUBLIC KEY)-----[\s\S]*?-----END \1-----/g
/** Vendors have a handful of roots; a whole list of metadata has a few hundred. */
const mostAnchors = 512

/**
 * The anchors in a PEM text: certificates (of authorities, or of leaves), and public keys of leaves.
 * `undefined` when there is none, or one that could never be matched.
 */
export function parseAnchors(
  name: string,
  text: string,
  aaguids?: readonly string[],
): readonly TrustAnchor[] | undefined {
  const blocks = [...text.matchAll(block)]
  if (blocks.length === 0 || blocks.length > mostAnchors) return undefined
  const anchors = blocks.flatMap(([pem, kind]) => parseAnchor({ name, aaguids }, pem, kind) ?? [])
  return anchors.length === blocks.length ? anchors : undefined
}

type Scope = Pick<TrustAnchor, 'name' | 'aaguids'>

function parseAnchor(
  { name, aaguids }: Scope,
  pem: string,
  kind: string | undefined,
): TrustAnchor | undefined {
  try {
    return kind === 'CERTIFICATE'
      ? certificateAnchor(name, new X509Certificate(pem).raw, aaguids)
      : leafKeyAnchor(name, createPublicKey(pem), aaguids)
  } catch {
    return undefined
  }
}

/** An anchor from the DER of a certificate, `undefined` when it cannot be read. */
export function certificateAnchor(
  name: string,
  der: Uint8Array,
  aaguids?: readonly string[],
): TrustAnchor | undefined {
  const certificate = parseCertificate(der)
  return certificate && { name, material: { kind: 'certificate', certificate }, aaguids }
}

export function leafKeyAnchor(
  name: string,
  key: KeyObject,
  aaguids?: readonly string[],
): TrustAnchor {
  return { name, material: { kind: 'leaf-key', fingerprint: keyFingerprint(key) }, aaguids }
}

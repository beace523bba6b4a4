import { createHash, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

import { equalBytes } from '../../core/index.ts'
import type { Instant } from '../../core/index.ts'
import { basicConstraints, criticalProblem, hex, keyUse, mayBeUsedFor, oid } from './certificate.ts'
import type { AttestationCertificate } from './certificate.ts'
import type { ChainedStatement } from './verified.ts'

/** What attestation is believed for: an authority, one certificate, or the key of one. */
export interface TrustAnchor {
  /** For people and the audit log: where it comes from. */
  readonly name: string
  readonly material:
    | { readonly kind: 'certificate'; readonly certificate: AttestationCertificate }
    /** SHA-256 of the SubjectPublicKeyInfo of leaves. */
    | { readonly kind: 'leaf-key'; readonly fingerprint: string }
  /** UUID forms; absent: whatever the model. */
  readonly aaguids: readonly string[] | undefined
}

export type Trust =
  | {
      readonly trusted: true
      readonly anchor: string
      /** What the trust rests on, leaf first, up to the certificate of the anchor. */
      readonly path: readonly AttestationCertificate[]
    }
  | { readonly trusted: false; readonly why: string }

/** Object identifiers, hex: ECDSA and RSASSA-PKCS1-v1_5 with SHA-256, 384 and 512, Ed25519, ML-DSA (RFC 9881). */
const signatureAlgorithms: ReadonlySet<string> = new Set([
  '2a8648ce3d040302',
  '2a8648ce3d040303',
  '2a8648ce3d040304',
  '2a864886f70d01010b',
  '2a864886f70d01010c',
  '2a864886f70d01010d',
  '2b6570',
  '608648016503040311',
  '608648016503040312',
  '608648016503040313',
])

/**
 * WebAuthn L3 7.1 steps 23-24: whether a statement chains to an anchor for this model at this time.
 * Nothing but `x5c` is used to get there: each certificate has to be issued by the next one, and one of
 * them, or what issued the last, has to be an anchor. No address in a certificate is ever followed.
 *
 * Invariant: no anchor, no trust; and nothing that no certificate vouches for (none, self) is trusted.
 */
export function judgeTrust(input: {
  readonly statement: ChainedStatement
  /** UUID form. */
  readonly aaguid: string
  readonly anchors: readonly TrustAnchor[]
  /** When the registration was made: certificates that end later do not take it back. */
  readonly at: Instant
}): Trust {
  const { statement, at } = input
  const [leaf] = statement.chain
  if (leaf === undefined) return distrusted('no certificate vouches for it')
  if (statement.weakness !== undefined) return distrusted(statement.weakness)
  const anchors = input.anchors.filter((anchor) => isFor(anchor, statement, input.aaguid))
  if (anchors.length === 0) return distrusted('no anchor is configured for its model')
  const pinned = anchors.find((anchor) => isPinned(anchor, leaf))
  if (pinned !== undefined) {
    return validityProblem(leaf, at) ?? { trusted: true, anchor: pinned.name, path: [leaf] }
  }
  return walk(statement.chain, anchors, at)
}

/** Invariant: an anchor for some models is none for a statement that does not sign which model it is. */
function isFor(anchor: TrustAnchor, statement: ChainedStatement, aaguid: string): boolean {
  if (anchor.aaguids === undefined) return true
  return statement.namesModel && anchor.aaguids.includes(aaguid)
}

function isPinned({ material }: TrustAnchor, leaf: AttestationCertificate): boolean {
  return material.kind === 'leaf-key'
    ? material.fingerprint === keyFingerprint(leaf.publicKey)
    : equalBytes(material.certificate.der, leaf.der)
}

/** RFC 5280 6.1 from the leaf upwards, along `x5c` only. */
function walk(
  chain: readonly AttestationCertificate[],
  anchors: readonly TrustAnchor[],
  at: Instant,
): Trust {
  for (const [depth, subject] of chain.entries()) {
    const problem = validityProblem(subject, at)
    if (problem !== undefined) return problem
    for (const { name, material } of anchors) {
      if (material.kind !== 'certificate') continue
      if (issuingProblem(material.certificate, subject, depth) !== undefined) continue
      const path = [...chain.slice(0, depth + 1), material.certificate]
      return { trusted: true, anchor: name, path }
    }
    const next = chain[depth + 1]
    if (next === undefined) return distrusted('its certificates lead to no anchor')
    const broken = issuingProblem(next, subject, depth)
    if (broken !== undefined) return distrusted(broken)
  }
  return distrusted('its certificates lead to no anchor')
}

/** Whether `issuer` may have issued `subject`, with `below` authorities between `subject` and the leaf. */
function issuingProblem(
  issuer: AttestationCertificate,
  subject: AttestationCertificate,
  below: number,
): string | undefined {
  if (!equalBytes(issuer.subjectName, subject.issuerName)) return 'its certificates do not chain'
  const constraints = basicConstraints(issuer)
  if (constraints === undefined || constraints === 'absent' || !constraints.ca) {
    return 'a certificate was issued by one that is no authority'
  }
  // Below an issuer stand the authorities under it, not the leaf.
  if (constraints.pathLength !== undefined && below > constraints.pathLength) {
    return 'the path is longer than an authority allows'
  }
  if (!mayBeUsedFor(issuer, keyUse.keyCertSign)) return 'the key of an issuer may not certify'
  const critical = criticalProblem(issuer, [oid.basicConstraints, oid.keyUsage])
  if (critical !== undefined) return critical
  return signedBy(subject, issuer.publicKey) ? undefined : 'the signature of a certificate is wrong'
}

function signedBy(subject: AttestationCertificate, key: KeyObject): boolean {
  if (!signatureAlgorithms.has(subject.signatureAlgorithm)) return false
  try {
    return new X509Certificate(subject.der).verify(key)
  } catch {
    return false
  }
}

function validityProblem(certificate: AttestationCertificate, at: Instant): Trust | undefined {
  if (at < certificate.notBefore) return distrusted('a certificate is not yet valid')
  return at > certificate.notAfter ? distrusted('a certificate has expired') : undefined
}

/** SHA-256 of the SubjectPublicKeyInfo, hex. */
export function keyFingerprint(key: KeyObject): string {
  const encoded = key.export({ format: 'der', type: 'spki' })
  return hex(createHash('sha256').update(encoded).digest())
}

function distrusted(why: string): Trust {
  return { trusted: false, why }
}

/** RFC 5280 6.3.3 (f). */
export function maySignRevocations(certificate: AttestationCertificate): boolean {
  return mayBeUsedFor(certificate, keyUse.cRLSign)
}

import { createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

import { equalBytes } from '../core/index.ts'
import { coseAlgorithms } from './cose-key.ts'
import type { CoseAlgorithm } from './cose-key.ts'
import { derChildren, derTag, parseDer } from './der.ts'
import type { DerElement } from './der.ts'

interface Extension {
  readonly critical: boolean
  readonly value: Uint8Array
}

interface Leaf {
  /** Attribute type (object identifier, hex) to value. */
  readonly subject: ReadonlyMap<string, string>
  readonly extensions: ReadonlyMap<string, Extension>
  readonly publicKey: KeyObject
}

/** Contents of the object identifiers, hex. */
const oid = {
  commonName: '550403',
  country: '550406',
  organization: '55040a',
  organizationalUnit: '55040b',
  keyUsage: '551d0f',
  basicConstraints: '551d13',
  /** id-fido-gen-ce-aaguid, 1.3.6.1.4.1.45724.1.1.4 */
  aaguid: '2b0601040182e51c010104',
} as const

/** Whether bytes have the outer shape of a certificate and nothing follows. */
export function looksLikeCertificate(bytes: Uint8Array): boolean {
  return derChildren(parseDer(bytes), derTag.sequence)?.length === 3
}

/**
 * The key of a packed attestation certificate that keeps the rules of WebAuthn L3 8.2.1 for this AAGUID
 * and has a key for this algorithm; otherwise the reason. Says nothing about who issued it or when.
 */
export function leafKey(
  der: Uint8Array,
  aaguid: Uint8Array,
  algorithm: CoseAlgorithm,
): KeyObject | string {
  const leaf = parseLeaf(der)
  if (leaf === undefined) return 'no version 3 certificate'
  return (
    checkSubject(leaf.subject) ??
    checkExtensions(leaf.extensions, aaguid) ??
    checkKey(leaf.publicKey, algorithm) ??
    leaf.publicKey
  )
}

function checkSubject(subject: ReadonlyMap<string, string>): string | undefined {
  if (!/^[A-Z]{2}$/.test(subject.get(oid.country) ?? '')) return 'subject has no country code'
  if ((subject.get(oid.organization) ?? '') === '') return 'subject has no organization'
  if (subject.get(oid.organizationalUnit) !== 'Authenticator Attestation') {
    return 'subject unit is not Authenticator Attestation'
  }
  return (subject.get(oid.commonName) ?? '') === '' ? 'subject has no common name' : undefined
}

function checkExtensions(
  extensions: ReadonlyMap<string, Extension>,
  aaguid: Uint8Array,
): string | undefined {
  for (const [type, { critical }] of extensions) {
    // RFC 5280 4.2: what is critical and not understood makes the certificate unusable.
    const understood = type === oid.basicConstraints || type === oid.keyUsage
    if (critical && !understood) return `critical extension ${type}`
  }
  const constraints = extensions.get(oid.basicConstraints)
  if (constraints === undefined || !saysNoAuthority(constraints.value)) {
    return 'basic constraints do not say that it is no authority'
  }
  const usage = extensions.get(oid.keyUsage)
  if (usage !== undefined && !mayMakeSignatures(usage.value)) return 'key may not make signatures'
  const claimed = extensions.get(oid.aaguid)
  return claimed === undefined ? undefined : checkClaimedAaguid(claimed.value, aaguid)
}

function checkClaimedAaguid(value: Uint8Array, aaguid: Uint8Array): string | undefined {
  const inner = parseDer(value)
  const same = inner?.tag === derTag.octetString && equalBytes(inner.content, aaguid)
  return same ? undefined : 'AAGUID of the certificate is another'
}

/** The key fits the algorithm, with the bounds that hold for credential keys. */
function checkKey(key: KeyObject, algorithm: CoseAlgorithm): string | undefined {
  const details = key.asymmetricKeyDetails
  const modulus = details?.modulusLength ?? 0
  const fits = {
    [coseAlgorithms.ES256]: details?.namedCurve === 'prime256v1',
    [coseAlgorithms.EdDSA]: key.asymmetricKeyType === 'ed25519',
    [coseAlgorithms.RS256]:
      key.asymmetricKeyType === 'rsa' &&
      modulus >= 2048 &&
      modulus <= 4096 &&
      details?.publicExponent === 65537n,
  }
  return fits[algorithm] ? undefined : `key of the certificate does not fit alg ${algorithm}`
}

/** RFC 5280 4.1, from the version to the extensions. */
function parseLeaf(der: Uint8Array): Leaf | undefined {
  if (!looksLikeCertificate(der)) return undefined
  const certificate = derChildren(parseDer(der), derTag.sequence)
  const [version, , , , , subjectName, keyInformation, ...rest] =
    derChildren(certificate?.[0], derTag.sequence) ?? []
  if (version?.tag !== derTag.version || hex(version.content) !== '020102') return undefined
  const subject = parseName(subjectName)
  const extensions = parseExtensions(rest.at(-1))
  const publicKey = keyInformation === undefined ? undefined : importKey(keyInformation.encoded)
  if (subject === undefined || extensions === undefined || publicKey === undefined) return undefined
  return { subject, extensions, publicKey }
}

/** Refuses a name that has one attribute twice: two readers might see different values. */
function parseName(name: DerElement | undefined): ReadonlyMap<string, string> | undefined {
  const sets = derChildren(name, derTag.sequence)
  if (sets === undefined) return undefined
  const attributes = sets.flatMap((set) => derChildren(set, derTag.set) ?? [])
  const parsed = new Map<string, string>()
  for (const attribute of attributes) {
    const [type, value] = derChildren(attribute, derTag.sequence) ?? []
    if (type?.tag !== derTag.objectIdentifier || value === undefined) return undefined
    if (parsed.has(hex(type.content))) return undefined
    const text = value.tag === derTag.utf8String || value.tag === derTag.printableString
    parsed.set(hex(type.content), text ? Buffer.from(value.content).toString('utf8') : '')
  }
  return parsed
}

function parseExtensions(
  element: DerElement | undefined,
): ReadonlyMap<string, Extension> | undefined {
  const list = derChildren(derChildren(element, derTag.extensions)?.[0], derTag.sequence)
  if (list === undefined) return undefined
  const parsed = new Map<string, Extension>()
  for (const item of list) {
    const entry = parseExtension(item)
    if (entry === undefined || parsed.has(entry[0])) return undefined
    parsed.set(...entry)
  }
  return parsed
}

function parseExtension(item: DerElement): [type: string, extension: Extension] | undefined {
  const parts = derChildren(item, derTag.sequence) ?? []
  const [type, flag] = parts
  const value = parts.at(-1)
  if (type?.tag !== derTag.objectIdentifier || value?.tag !== derTag.octetString) return undefined
  if (flag === undefined || parts.length > 3) return undefined
  // Some issuers spell the default out; any other flag than a plain FALSE counts as critical.
  const critical = parts.length === 3 && hex(flag.encoded) !== '010100'
  return [hex(type.content), { critical, value: value.content }]
}

/** BasicConstraints with CA absent or false, and so without a path length. */
function saysNoAuthority(value: Uint8Array): boolean {
  return hex(value) === '3000' || hex(value) === '3003010100'
}

/** KeyUsage (RFC 5280 4.2.1.3): the first bit is digitalSignature. */
function mayMakeSignatures(value: Uint8Array): boolean {
  const bits = parseDer(value)
  return bits?.tag === derTag.bitString && ((bits.content[1] ?? 0) & 0x80) !== 0
}

function importKey(keyInformation: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(keyInformation), format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

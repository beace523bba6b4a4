import { createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

import { parseTime } from './certificate-time.ts'
import { derChildren, derTag, parseDer } from '../der.ts'
import type { DerElement } from '../der.ts'

/** A certificate as attestation needs it, read once and strictly (RFC 5280 4.1). Who issued it is not judged. */
export interface AttestationCertificate {
  readonly der: Uint8Array
  /** Names as they are encoded, to be compared byte by byte. */
  readonly issuerName: Uint8Array
  readonly subjectName: Uint8Array
  /** Attribute type (object identifier, hex) to value. */
  readonly subject: ReadonlyMap<string, string>
  readonly notBefore: number
  readonly notAfter: number
  readonly extensions: ReadonlyMap<string, Extension>
  readonly publicKey: KeyObject
  /** Object identifier of the signature algorithm, hex, the same inside and outside. */
  readonly signatureAlgorithm: string
}

export interface Extension {
  readonly critical: boolean
  readonly value: Uint8Array
}

/** Contents of the object identifiers, hex. */
export const oid = {
  commonName: '550403',
  country: '550406',
  organization: '55040a',
  organizationalUnit: '55040b',
  keyUsage: '551d0f',
  subjectAlternativeName: '551d11',
  basicConstraints: '551d13',
  certificatePolicies: '551d20',
  extendedKeyUsage: '551d25',
  /** id-fido-gen-ce-aaguid, 1.3.6.1.4.1.45724.1.1.4 */
  aaguid: '2b0601040182e51c010104',
  /** id-fido-gen-ce-sernum, 1.3.6.1.4.1.45724.1.1.2 */
  serialNumber: '2b0601040182e51c010102',
  /** 1.3.6.1.4.1.11129.2.1.17 */
  androidKeyDescription: '2b06010401d679020111',
  /** 1.2.840.113635.100.8.2 */
  appleNonce: '2a864886f763640802',
  /** tcg-kp-AIKCertificate, 2.23.133.8.3 */
  aikCertificate: '6781050803',
  /** 2.23.133.2.1 to 2.23.133.2.3 */
  tpmManufacturer: '6781050201',
  tpmModel: '6781050202',
  tpmVersion: '6781050203',
} as const

/** Bits of KeyUsage (RFC 5280 4.2.1.3) in its first byte. */
export const keyUse = { digitalSignature: 0x80, keyCertSign: 0x04, cRLSign: 0x02 } as const

const longestCertificate = 8192

/** A version 3 certificate that fills `der` exactly. `undefined` = refused. */
export function parseCertificate(der: Uint8Array): AttestationCertificate | undefined {
  if (der.byteLength > longestCertificate) return undefined
  const parts = derChildren(parseDer(der), derTag.sequence)
  const signatureAlgorithm = sameAlgorithm(parts)
  const content = parseContent(derChildren(parts?.[0], derTag.sequence))
  if (signatureAlgorithm === undefined || content === undefined) return undefined
  return { der, signatureAlgorithm, ...content }
}

/** RFC 5280 4.1.2, from the version to the extensions. */
function parseContent(
  members: readonly DerElement[] | undefined,
): Omit<AttestationCertificate, 'der' | 'signatureAlgorithm'> | undefined {
  const [version, , , issuer, validity, subjectName, keyInformation, ...rest] = members ?? []
  if (version?.tag !== derTag.version || hex(version.content) !== '020102') return undefined
  const times = parseValidity(validity)
  const subject = parseName(subjectName)
  const extensions = parseExtensions(rest)
  const publicKey = importKey(keyInformation)
  if (times === undefined || extensions === undefined || publicKey === undefined) return undefined
  if (issuer === undefined || subject === undefined || subjectName === undefined) return undefined
  const names = { issuerName: issuer.encoded, subjectName: subjectName.encoded, subject }
  return { ...names, ...times, extensions, publicKey }
}

function parseValidity(
  element: DerElement | undefined,
): { readonly notBefore: number; readonly notAfter: number } | undefined {
  const times = derChildren(element, derTag.sequence)
  const notBefore = parseTime(times?.[0])
  const notAfter = parseTime(times?.[1])
  if (times?.length !== 2 || notBefore === undefined || notAfter === undefined) return undefined
  return { notBefore, notAfter }
}

/** Why the extensions make a certificate unusable: RFC 5280 4.2, what is critical has to be understood. */
export function criticalProblem(
  certificate: AttestationCertificate,
  understood: readonly string[],
): string | undefined {
  for (const [type, { critical }] of certificate.extensions) {
    if (critical && !understood.includes(type)) return `critical extension ${type}`
  }
  return undefined
}

/** BasicConstraints: whether it is an authority and how many may stand below it; `undefined` when malformed. */
export function basicConstraints(
  certificate: AttestationCertificate,
): { readonly ca: boolean; readonly pathLength: number | undefined } | 'absent' | undefined {
  const extension = certificate.extensions.get(oid.basicConstraints)
  if (extension === undefined) return 'absent'
  const value = hex(extension.value)
  // Some issuers spell the default out.
  if (value === '3000' || value === '3003010100') return { ca: false, pathLength: undefined }
  if (value === '30030101ff') return { ca: true, pathLength: undefined }
  const bounded = /^30060101ff0201([0-7][0-9a-f])$/.exec(value)?.[1]
  return bounded === undefined ? undefined : { ca: true, pathLength: Number.parseInt(bounded, 16) }
}

/** Whether the key may be used so; a certificate without KeyUsage says nothing against it. */
export function mayBeUsedFor(certificate: AttestationCertificate, use: number): boolean {
  const usage = certificate.extensions.get(oid.keyUsage)
  if (usage === undefined) return true
  const bits = parseDer(usage.value)
  return bits?.tag === derTag.bitString && ((bits.content[1] ?? 0) & use) !== 0
}

/** A name with each attribute once: of two, two readers might see different values. */
export function parseName(name: DerElement | undefined): ReadonlyMap<string, string> | undefined {
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

/** RFC 5280 4.1.1.2: the algorithm is named twice, with its parameters, and has to be the same. */
function sameAlgorithm(parts: readonly DerElement[] | undefined): string | undefined {
  const outer = parts?.[1]
  const inner = derChildren(parts?.[0], derTag.sequence)?.[2]
  if (parts?.length !== 3 || inner === undefined || outer === undefined) return undefined
  const type = derChildren(inner, derTag.sequence)?.[0]
  const same = hex(inner.encoded) === hex(outer.encoded)
  return same && type?.tag === derTag.objectIdentifier ? hex(type.content) : undefined
}

/** What stands behind the key: nothing, which version 3 allows and first security keys did, or extensions last. */
function parseExtensions(rest: readonly DerElement[]): ReadonlyMap<string, Extension> | undefined {
  if (rest.length === 0) return new Map()
  const list = derChildren(derChildren(rest.at(-1), derTag.extensions)?.[0], derTag.sequence)
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
  // Any other flag than a plain FALSE counts as critical.
  const critical = parts.length === 3 && hex(flag.encoded) !== '010100'
  return [hex(type.content), { critical, value: value.content }]
}

function importKey(keyInformation: DerElement | undefined): KeyObject | undefined {
  if (keyInformation === undefined) return undefined
  try {
    const key = Buffer.from(keyInformation.encoded)
    return createPublicKey({ key, format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

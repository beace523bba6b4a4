import { generateKeyPairSync, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

/** What a test may want to be different in a packed attestation leaf. */
export interface LeafChoices {
  readonly publicKey: KeyObject
  readonly aaguid: Uint8Array
  /** Contents of the version INTEGER; 2 means version 3. */
  readonly version?: number
  /** Attribute type (dotted) and value, or an encoded attribute; replaces the subject. */
  readonly subject?: readonly (readonly [type: string, value: string] | Uint8Array)[]
  /** Extensions, some perhaps encoded already; replaces the good ones. */
  readonly extensions?: readonly (LeafExtension | Uint8Array)[]
  /** What follows the signature inside the certificate. */
  readonly trailer?: Uint8Array
  /** Who issues it; a throw-away issuer unless given. */
  readonly issuer?: CertificateIssuer
  /** Encoded times; 2025 to 2045 unless given. */
  readonly validity?: readonly [notBefore: Uint8Array, notAfter: Uint8Array]
}

export interface CertificateIssuer {
  /** The encoded name. */
  readonly name: Uint8Array
  readonly privateKey: KeyObject
  /** Digest of an ECDSA signature, sha256 unless given; or the algorithm of a key that hashes by itself. */
  readonly digest?: 'sha1' | 'sha256' | 'sha384' | 'ml-dsa-65'
}

export interface LeafExtension {
  readonly type: string
  readonly critical: boolean
  readonly value: Uint8Array
}

export const goodSubject = [
  ['2.5.4.6', 'AA'],
  ['2.5.4.10', 'Soft Authenticators'],
  ['2.5.4.11', 'Authenticator Attestation'],
  ['2.5.4.3', 'Soft Authenticator Batch 1'],
] as const

const throwAway: CertificateIssuer = {
  name: name([['2.5.4.3', 'Soft Issuer']]),
  privateKey: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
}
const signedWith = {
  sha1: '1.2.840.10045.4.1',
  sha256: '1.2.840.10045.4.3.2',
  sha384: '1.2.840.10045.4.3.3',
  'ml-dsa-65': '2.16.840.1.101.3.4.3.18',
} as const

export const notAnAuthority: LeafExtension = {
  type: '2.5.29.19',
  critical: true,
  value: Buffer.from('3000', 'hex'),
}

export function aaguidExtension(aaguid: Uint8Array, critical = false): LeafExtension {
  return { type: '1.3.6.1.4.1.45724.1.1.4', critical, value: der(0x04, aaguid) }
}

/** `YYMMDDHHMMSSZ` as UTCTime. */
export function utcTime(text: string): Buffer {
  return der(0x17, Buffer.from(text))
}

/** A DER certificate. */
export function buildLeaf(choices: LeafChoices): Buffer {
  const extensions = choices.extensions ?? [notAnAuthority, aaguidExtension(choices.aaguid)]
  const version = choices.version ?? 2
  const issuer = choices.issuer ?? throwAway
  const digest = issuer.digest ?? 'sha256'
  const algorithm = sequence(objectIdentifier(signedWith[digest]))
  const tbs = sequence(
    ...(version === 0 ? [] : [der(0xa0, der(0x02, Buffer.from([version])))]),
    der(0x02, Buffer.from([1])),
    algorithm,
    issuer.name,
    sequence(...(choices.validity ?? [utcTime('250101000000Z'), utcTime('450101000000Z')])),
    name(choices.subject ?? goodSubject),
    choices.publicKey.export({ format: 'der', type: 'spki' }),
    der(0xa3, sequence(...extensions.map((item) => (isBytes(item) ? item : extension(item))))),
  )
  const signature = sign(digest === 'ml-dsa-65' ? null : digest, tbs, issuer.privateKey)
  const signed = [tbs, algorithm, der(0x03, Buffer.concat([Buffer.from([0]), signature]))]
  return sequence(...signed, choices.trailer ?? Buffer.alloc(0))
}

function isBytes(item: unknown): item is Uint8Array {
  return item instanceof Uint8Array
}

export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  const size = content.length
  if (size < 0x80) return Buffer.concat([Buffer.from([tag, size]), content])
  if (size < 0x100) return Buffer.concat([Buffer.from([tag, 0x81, size]), content])
  return Buffer.concat([Buffer.from([tag, 0x82, size >> 8, size & 0xff]), content])
}

export function sequence(...contents: readonly Uint8Array[]): Buffer {
  return der(0x30, ...contents)
}

export function name(attributes: readonly (readonly [string, string] | Uint8Array)[]): Buffer {
  const sets = attributes.map((attribute) => {
    if (isBytes(attribute)) return der(0x31, attribute)
    const [type, value] = attribute
    const tag = type === '2.5.4.6' ? 0x13 : 0x0c
    return der(0x31, sequence(objectIdentifier(type), der(tag, Buffer.from(value))))
  })
  return sequence(...sets)
}

function extension(item: LeafExtension): Buffer {
  const critical = item.critical ? [Buffer.from('0101ff', 'hex')] : []
  return sequence(objectIdentifier(item.type), ...critical, der(0x04, item.value))
}

export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second]
  for (const arc of rest) {
    const digits = [arc & 0x7f]
    for (let left = arc >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80)
    bytes.push(...digits)
  }
  return der(0x06, Buffer.from(bytes))
}

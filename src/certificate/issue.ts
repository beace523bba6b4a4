import { createHash, randomBytes, sign, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { Instant } from '../core/index.ts'
import {
  bitString,
  explicit,
  integer,
  isTrue,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  time,
  utf8String,
} from './der.ts'

export interface Extension {
  /** Dotted. */
  readonly type: string
  readonly critical: boolean
  readonly value: Uint8Array
}

/** What one certificate says (RFC 5280 4.1.2). */
export interface CertificateContent {
  readonly issuer: string
  readonly subject: string
  readonly publicKey: KeyObject
  readonly notBefore: Instant
  readonly notAfter: Instant
  readonly extensions: readonly Extension[]
}

const ecdsaWithSha256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'))
const commonName = '2.5.4.3'

/** Makes an X.509 v3 certificate, signed with a P-256 key. */
export function issueCertificate(content: CertificateContent, signingKey: KeyObject): string {
  const { extensions, publicKey } = content
  const toBeSigned = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(serialNumber()),
    ecdsaWithSha256,
    name(content.issuer),
    sequence(time(content.notBefore), time(content.notAfter)),
    name(content.subject),
    publicKey.export({ format: 'der', type: 'spki' }),
    explicit(3, sequence(...extensions.map(encodeExtension))),
  )
  const signature = sign('sha256', toBeSigned, signingKey)
  const whole = sequence(toBeSigned, ecdsaWithSha256, bitString(signature))
  return new X509Certificate(whole).toString()
}

/** 127 random bits, above zero (RFC 5280 4.1.2.2). */
function serialNumber(): Buffer {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes
}

/** A distinguished name of one common name. */
function name(text: string): Buffer {
  return sequence(setOf(sequence(objectIdentifier(commonName), utf8String(text))))
}

function encodeExtension({ type, critical, value }: Extension): Buffer {
  const parts = critical ? [isTrue()] : []
  return sequence(objectIdentifier(type), ...parts, octetString(value))
}

/** RFC 7093 2 method 1: what names a key in certificates. */
export function keyIdentifier(publicKey: KeyObject): Buffer {
  const encoded = publicKey.export({ format: 'der', type: 'spki' })
  return createHash('sha256').update(encoded).digest().subarray(0, 20)
}

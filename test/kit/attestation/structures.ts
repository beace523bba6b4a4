import { createHash } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

import { der, name, objectIdentifier, sequence } from '../attestation-certificate.ts'
import type { LeafExtension } from '../attestation-certificate.ts'

/** The extension of Apple's certificates: SEQUENCE { [1] OCTET STRING }. */
export function appleNonce(nonce: Uint8Array): LeafExtension {
  const value = sequence(der(0xa1, der(0x04, nonce)))
  return { type: '1.2.840.113635.100.8.2', critical: false, value }
}

export interface DescriptionChoices {
  readonly attestationLevel?: number
  readonly keyLevel?: number
  readonly challenge: Uint8Array
  readonly software?: readonly Uint8Array[]
  readonly hardware?: readonly Uint8Array[]
}

const integerOf = (value: number) => der(0x02, Buffer.from([value]))
const levelOf = (value: number) => der(0x0a, Buffer.from([value]))

/** Members of an authorization list. */
export const keystore = {
  purposes: (...purposes: number[]) => der(0xa1, der(0x31, ...purposes.map(integerOf))),
  allApplications: Buffer.from('bf8458020500', 'hex'),
  origin: (origin: number) =>
    Buffer.concat([Buffer.from('bf853e', 'hex'), der(0, integerOf(origin)).subarray(1)]),
}

export const madeForSigning = [keystore.purposes(2), keystore.origin(0)]

/** The key description of an Android keystore. */
export function keyDescription(choices: DescriptionChoices): LeafExtension {
  const value = sequence(
    der(0x02, Buffer.from([0x01, 0x2c])),
    levelOf(choices.attestationLevel ?? 1),
    integerOf(100),
    levelOf(choices.keyLevel ?? 1),
    der(0x04, choices.challenge),
    der(0x04),
    sequence(...(choices.software ?? [])),
    sequence(...(choices.hardware ?? madeForSigning)),
  )
  return { type: '1.3.6.1.4.1.11129.2.1.17', critical: false, value }
}

export interface PublicAreaChoices {
  readonly type?: number
  readonly nameAlgorithm?: number
  readonly attributes?: number
  readonly symmetric?: number
  readonly scheme?: readonly number[]
  readonly curve?: number
  readonly trailer?: Uint8Array
}

/** TPMT_PUBLIC of an EC or RSA key. */
export function publicArea(key: KeyObject, choices: PublicAreaChoices = {}): Buffer {
  const jwk = key.export({ format: 'jwk' })
  const bytes = (text: string | undefined) => Buffer.from(text ?? '', 'base64url')
  const rsa = jwk.kty === 'RSA'
  const own = rsa
    ? [u16(bytes(jwk.n).length * 8), u32(0), sized(bytes(jwk.n))]
    : [u16(choices.curve ?? 0x0003), u16(0x0010), sized(bytes(jwk.x)), sized(bytes(jwk.y))]
  return Buffer.concat([
    u16(choices.type ?? (rsa ? 0x0001 : 0x0023)),
    u16(choices.nameAlgorithm ?? 0x000b),
    u32(choices.attributes ?? 0x0006_0472),
    sized(Buffer.alloc(0)),
    u16(choices.symmetric ?? 0x0010),
    ...(choices.scheme ?? [0x0010]).map(u16),
    ...own,
    choices.trailer ?? Buffer.alloc(0),
  ])
}

/** Its Name: nameAlg and a digest. */
export function nameOfArea(area: Buffer, digest = 'sha256'): Buffer {
  return Buffer.concat([area.subarray(2, 4), createHash(digest).update(area).digest()])
}

export interface CertifyChoices {
  readonly magic?: number
  readonly type?: number
  readonly extraData: Uint8Array
  readonly name: Uint8Array
  readonly trailer?: Uint8Array
}

/** TPMS_ATTEST of a certification. */
export function certifyInfo(choices: CertifyChoices): Buffer {
  return Buffer.concat([
    u32(choices.magic ?? 0xff544347),
    u16(choices.type ?? 0x8017),
    sized(Buffer.from('000b0011', 'hex')),
    sized(choices.extraData),
    Buffer.alloc(25, 1),
    sized(choices.name),
    sized(Buffer.from('000b0022', 'hex')),
    choices.trailer ?? Buffer.alloc(0),
  ])
}

export interface AikChoices {
  readonly manufacturer?: string
  readonly model?: string
  readonly version?: string
  readonly purposes?: readonly string[]
}

/** Alternative name and purposes of the certificate of a TPM's attestation key. */
export function aikExtensions(choices: AikChoices = {}): LeafExtension[] {
  const attributes = [
    ['2.23.133.2.1', choices.manufacturer ?? 'id:FFFFF1D0'],
    ['2.23.133.2.2', choices.model ?? 'Soft TPM'],
    ['2.23.133.2.3', choices.version ?? 'id:13'],
  ] as const
  const names = sequence(der(0xa4, name(attributes)))
  const purposes = sequence(...(choices.purposes ?? ['2.23.133.8.3']).map(objectIdentifier))
  return [
    { type: '2.5.29.17', critical: true, value: names },
    { type: '2.5.29.37', critical: false, value: purposes },
  ]
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function sized(bytes: Uint8Array): Buffer {
  return Buffer.concat([u16(bytes.byteLength), bytes])
}

import { createHash } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

import { aaguidExtension, notAnAuthority } from '../attestation-certificate.ts'
import type { LeafChoices, LeafExtension } from '../attestation-certificate.ts'
import type { Encodable } from '../cbor-encoder.ts'
import { newKeyPair, signWith } from '../soft-authenticator.ts'
import type { AttestationStatement, AttestationSubject } from '../soft-authenticator.ts'
import { usage } from './authority.ts'
import type { Authority } from './authority.ts'
import {
  aikExtensions,
  appleNonce,
  certifyInfo,
  keyDescription,
  nameOfArea,
  publicArea,
} from './structures.ts'
import type {
  AikChoices,
  CertifyChoices,
  DescriptionChoices,
  PublicAreaChoices,
} from './structures.ts'

export const attestedFormats = ['packed', 'fido-u2f', 'tpm', 'android-key', 'apple'] as const
export type AttestedFormat = (typeof attestedFormats)[number]

/** What is wrong with a statement on purpose; each is changed before anything is signed over it. */
export interface StatementChoices {
  readonly leaf?: Partial<LeafChoices>
  /** Of the leaf; made for each statement unless given. */
  readonly leafKeys?: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }
  /** Certificates after the leaf. */
  readonly chain?: readonly Uint8Array[]
  /** Changes the message that is signed. */
  readonly signed?: (message: Buffer) => Uint8Array
  readonly aik?: AikChoices
  readonly area?: PublicAreaChoices
  readonly areaKey?: KeyObject
  readonly certify?: Partial<CertifyChoices>
  readonly digest?: string
  readonly description?: Partial<DescriptionChoices>
  readonly nonce?: Uint8Array
}

/** id-fido-gen-ce-sernum with this encoded value. */
export function serialExtension(value: Uint8Array, critical = false): LeafExtension {
  return { type: '1.3.6.1.4.1.45724.1.1.2', critical, value }
}

/** Statements of devices that were made under one authority. */
export function attesting(
  format: AttestedFormat,
  issuer: Authority,
  choices: StatementChoices = {},
) {
  return (subject: AttestationSubject): AttestationStatement => ({
    format,
    statement: makers[format]({ ...choices, subject, issuer }),
  })
}

interface Making extends StatementChoices {
  readonly subject: AttestationSubject
  readonly issuer: Authority
}

const makers: Readonly<Record<AttestedFormat, (making: Making) => Map<string, Encodable>>> = {
  packed: (making) => {
    const keys = making.leafKeys ?? newKeyPair(-7)
    const { aaguid } = making.subject
    return members(making, keys, {
      signed: message(making),
      extensions: [notAnAuthority, usage('sign'), aaguidExtension(aaguid)],
    })
  },
  'fido-u2f': (making) => {
    const keys = making.leafKeys ?? newKeyPair(-7)
    const { subject } = making
    const { x, y } = subject.credential.publicKey.export({ format: 'jwk' })
    const signed = Buffer.concat([
      Buffer.from([0]),
      subject.authData.subarray(0, 32),
      subject.clientDataHash,
      Buffer.from(subject.credential.id, 'base64url'),
      Buffer.from([4]),
      Buffer.from(x ?? '', 'base64url'),
      Buffer.from(y ?? '', 'base64url'),
    ])
    const made = members(making, keys, { signed, extensions: [notAnAuthority] })
    made.delete('alg')
    return made
  },
  tpm: (making) => {
    const keys = making.leafKeys ?? newKeyPair(-7)
    const area = publicArea(making.areaKey ?? making.subject.credential.publicKey, making.area)
    const extraData = sha256(message(making))
    const named = nameOfArea(area, making.digest)
    const certInfo = certifyInfo({ extraData, name: named, ...making.certify })
    const extensions = [notAnAuthority, usage('sign'), ...aikExtensions(making.aik)]
    const made = members(making, keys, { signed: certInfo, extensions, subject: [] })
    return made.set('ver', '2.0').set('certInfo', certInfo).set('pubArea', area)
  },
  'android-key': (making) => {
    const { credential, clientDataHash } = making.subject
    const description = keyDescription({ challenge: clientDataHash, ...making.description })
    return members(making, making.leafKeys ?? credential, {
      signed: message(making),
      extensions: [usage('sign'), description],
      algorithm: credential.algorithm,
    })
  },
  apple: (making) => {
    const nonce = making.nonce ?? sha256(message(making))
    const made = members(making, making.leafKeys ?? making.subject.credential, {
      signed: Buffer.alloc(0),
      extensions: [notAnAuthority, usage('sign'), appleNonce(nonce)],
    })
    made.delete('alg')
    made.delete('sig')
    return made
  },
}

function members(
  making: Making,
  keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject },
  parts: Pick<LeafChoices, 'subject'> & {
    readonly signed: Buffer
    readonly extensions: NonNullable<LeafChoices['extensions']>
    readonly algorithm?: number
  },
): Map<string, Encodable> {
  const algorithm = parts.algorithm ?? -7
  const message = making.signed?.(parts.signed) ?? parts.signed
  const leaf = making.issuer.issue({
    publicKey: keys.publicKey,
    aaguid: making.subject.aaguid,
    extensions: parts.extensions,
    ...(parts.subject === undefined ? {} : { subject: parts.subject }),
    ...making.leaf,
  })
  return new Map<string, Encodable>([
    ['alg', algorithm],
    ['sig', signWith({ algorithm, privateKey: keys.privateKey }, message)],
    ['x5c', [leaf, ...(making.chain ?? [])]],
  ])
}

function message({ subject }: Making): Buffer {
  return Buffer.concat([subject.authData, subject.clientDataHash])
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

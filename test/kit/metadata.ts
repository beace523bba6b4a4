import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

import type { MetadataFloor, MetadataMark } from '../../src/metadata/index.ts'
import { newRoot, usage } from './attestation/authority.ts'
import type { Authority } from './attestation/authority.ts'
import {
  der,
  name,
  notAnAuthority,
  objectIdentifier,
  sequence,
  utcTime,
} from './attestation-certificate.ts'
import type { LeafChoices } from './attestation-certificate.ts'

/** Where the highest number is kept, in memory. */
export function newFloor(): MetadataFloor {
  let kept: MetadataMark | undefined
  return {
    load: () => kept,
    raise: (mark) => {
      kept = mark
    },
  }
}

export const signerName = 'mds.example'

/** Who signs lists: a root, and a certificate below it for `mds.example`. */
export interface Signer {
  readonly root: Authority
  readonly certificate: Buffer
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

export function newSigner(
  root: Authority = newRoot('Metadata Root'),
  changes: {
    readonly leaf?: Partial<LeafChoices>
    readonly host?: string
    readonly rsa?: boolean
  } = {},
): Signer {
  const keys =
    changes.rsa === true
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const host = Buffer.from(changes.host ?? signerName)
  const certificate = root.issue({
    publicKey: keys.publicKey,
    aaguid: Buffer.alloc(16),
    extensions: [
      notAnAuthority,
      usage('sign'),
      { type: '2.5.29.17', critical: false, value: sequence(der(0x82, host)) },
    ],
    ...changes.leaf,
  })
  return { root, certificate, ...keys }
}

/** What may be wrong with a list on purpose. */
export interface BlobChoices {
  readonly header?: Readonly<Record<string, unknown>>
  readonly chain?: readonly Uint8Array[]
  readonly content?: Readonly<Record<string, unknown>>
  /** In place of the content, as it stands. */
  readonly payload?: string
  readonly signature?: (input: Buffer, key: KeyObject) => Buffer
}

/** A signed list of metadata. */
export function mintBlob(
  signer: Signer,
  entries: readonly unknown[],
  choices: BlobChoices = {},
): string {
  const content = { legalHeader: 'x', no: 7, nextUpdate: '2030-01-01', entries, ...choices.content }
  const isRsa = signer.privateKey.asymmetricKeyType === 'rsa'
  const header = {
    alg: isRsa ? 'RS256' : 'ES256',
    typ: 'JWT',
    x5c: (choices.chain ?? [signer.certificate]).map((one) => Buffer.from(one).toString('base64')),
    ...choices.header,
  }
  const encode = (text: string) => Buffer.from(text).toString('base64url')
  const input = `${encode(JSON.stringify(header))}.${encode(choices.payload ?? JSON.stringify(content))}`
  const signature = (choices.signature ?? signPlainly)(Buffer.from(input), signer.privateKey)
  return `${input}.${signature.toString('base64url')}`
}

function signPlainly(input: Buffer, key: KeyObject): Buffer {
  return sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' })
}

export function entryOf(
  aaguid: string,
  statuses: readonly (string | Readonly<Record<string, unknown>>)[] = ['FIDO_CERTIFIED_L1'],
  roots: readonly Uint8Array[] = [],
): Record<string, unknown> {
  return {
    aaguid,
    metadataStatement: {
      description: `model ${aaguid.slice(0, 4)}`,
      attestationRootCertificates: roots.map((one) => Buffer.from(one).toString('base64')),
      somethingNew: { anything: [1, null] },
    },
    statusReports: statuses.map((one) =>
      typeof one === 'string' ? { status: one, effectiveDate: '2024-05-01' } : one,
    ),
    timeOfLastStatusChange: '2024-05-01',
  }
}

/** As U2F entries name attestation keys. */
export function keyIdentifierOf(key: KeyObject): string {
  const { x = '', y = '' } = key.export({ format: 'jwk' })
  const point = [Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]
  return createHash('sha1').update(Buffer.concat(point)).digest('hex')
}

/** A list of revoked certificates, PEM. Every certificate of the kit has the serial number 1. */
export function mintRevocationList(
  called: string,
  key: KeyObject,
  choices: {
    readonly serials?: readonly number[]
    readonly thisUpdate?: string
    readonly nextUpdate?: string | undefined
    readonly extensions?: Uint8Array
  } = {},
): string {
  const algorithm = sequence(objectIdentifier('1.2.840.10045.4.3.2'))
  const revoked = (choices.serials ?? []).map((serial) =>
    sequence(der(0x02, Buffer.from([serial])), utcTime('250201000000Z')),
  )
  const content = sequence(
    der(0x02, Buffer.from([1])),
    algorithm,
    name([['2.5.4.3', called]]),
    utcTime(choices.thisUpdate ?? '250201000000Z'),
    utcTime(choices.nextUpdate ?? '450101000000Z'),
    ...(revoked.length > 0 ? [sequence(...revoked)] : []),
    ...(choices.extensions === undefined ? [] : [choices.extensions]),
  )
  const signature = der(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', content, key)]))
  return pemOf('X509 CRL', sequence(content, algorithm, signature))
}

export function pemOf(kind: string, bytes: Uint8Array): string {
  return `-----BEGIN ${kind}-----\n${Buffer.from(bytes).toString('base64')}\n-----END ${kind}-----\n`
}

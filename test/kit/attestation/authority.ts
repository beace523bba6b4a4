import { generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

import { buildLeaf, name } from '../attestation-certificate.ts'
import type { LeafChoices, LeafExtension } from '../attestation-certificate.ts'

/** An authority that attestation chains to: its certificate, and a way to issue below it. */
export interface Authority {
  readonly certificate: Buffer
  readonly privateKey: KeyObject
  readonly issue: (choices: LeafChoices) => Buffer
  /** Another authority below this one. */
  readonly below: (called: string, changes?: Partial<LeafChoices>) => Authority
}

/** `pathLength` below 128; `ca` false makes one that is none. */
export function authorityConstraints(ca = true, pathLength?: number): LeafExtension {
  const length = pathLength === undefined ? '' : `0201${pathLength.toString(16).padStart(2, '0')}`
  const content = ca ? `0101ff${length}` : ''
  const size = (content.length / 2).toString(16).padStart(2, '0')
  return { type: '2.5.29.19', critical: true, value: Buffer.from(`30${size}${content}`, 'hex') }
}

/** keyCertSign and cRLSign, or digitalSignature alone. */
export function usage(kind: 'certify' | 'sign'): LeafExtension {
  const value = Buffer.from(kind === 'certify' ? '03020106' : '03020780', 'hex')
  return { type: '2.5.29.15', critical: true, value }
}

/** A self-signed authority. */
export function newRoot(called: string, changes: Partial<LeafChoices> = {}): Authority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const own = { name: nameOf(called), privateKey: keys.privateKey }
  return authority(called, keys, { issuer: own, ...changes })
}

/** The same with a key of ML-DSA-65. */
export function newLatticeRoot(called: string): Authority {
  const { publicKey, privateKey } = generateKeyPairSync('ml-dsa-65')
  const issuer = { name: nameOf(called), privateKey, digest: 'ml-dsa-65' } as const
  const made = authority(called, { publicKey, privateKey }, { issuer })
  return { ...made, issue: (choices) => buildLeaf({ issuer, ...choices }) }
}

function authority(
  called: string,
  keys: { publicKey: KeyObject; privateKey: KeyObject },
  changes: Partial<LeafChoices>,
): Authority {
  const issuer = { name: nameOf(called), privateKey: keys.privateKey }
  const certificate = buildLeaf({
    publicKey: keys.publicKey,
    aaguid: Buffer.alloc(16),
    subject: [['2.5.4.3', called]],
    extensions: [authorityConstraints(), usage('certify')],
    ...changes,
  })
  return {
    certificate,
    privateKey: keys.privateKey,
    issue: (choices) => buildLeaf({ issuer, ...choices }),
    below: (inner, innerChanges = {}) =>
      authority(inner, generateKeyPairSync('ec', { namedCurve: 'P-256' }), {
        issuer,
        ...innerChanges,
      }),
  }
}

function nameOf(called: string): Buffer {
  return name([['2.5.4.3', called]])
}

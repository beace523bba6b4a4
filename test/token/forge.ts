import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { isRefusal } from '../../src/core/index.ts'
import type { VerificationKeys } from '../../src/token/index.ts'

/** Makes tokens by hand, so that tests can also make those that no library would. */
export interface KeyPair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

export const p256 = (): KeyPair => generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const p384 = (): KeyPair => generateKeyPairSync('ec', { namedCurve: 'P-384' })
export const ed25519 = (): KeyPair => generateKeyPairSync('ed25519')
export const rsa = (modulusLength = 2048): KeyPair => generateKeyPairSync('rsa', { modulusLength })

export function encode(part: unknown): string {
  const bytes = typeof part === 'string' || part instanceof Uint8Array ? part : JSON.stringify(part)
  return Buffer.from(bytes as string).toString('base64url')
}

export type Signer = (input: string) => Uint8Array

export const es256 =
  (key: KeyObject): Signer =>
  (input) =>
    sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
export const rs256 =
  (key: KeyObject): Signer =>
  (input) =>
    sign('sha256', Buffer.from(input), key)
export const hs256 =
  (secret: string | Uint8Array): Signer =>
  (input) =>
    createHmac('sha256', secret).update(input).digest()
export const unsigned: Signer = () => new Uint8Array()

/** A compact JWS over any header and any payload, well-formed or not. */
export function forge(header: unknown, payload: unknown, signer: Signer): string {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${Buffer.from(signer(input)).toString('base64url')}`
}

/** A fixed set of keys by id; each is for one algorithm. */
export function fixedKeys(
  entries: Readonly<Record<string, readonly [string, KeyObject]>>,
): VerificationKeys {
  return {
    find: (keyId, algorithm) => {
      const entry = Object.hasOwn(entries, keyId) ? entries[keyId] : undefined
      return entry?.[0] === algorithm ? entry[1] : undefined
    },
    revisionAt: () => 1,
  }
}

/** The refusal's code, or 'accepted': what most tests compare. */
export async function verdict(outcome: unknown): Promise<string> {
  const settled = await outcome
  return isRefusal(settled) ? settled.code : 'accepted'
}

import { derTag, parseDer } from '../der.ts'
import { hex, oid } from './certificate.ts'
import type { AttestationCertificate } from './certificate.ts'

/** What a statement says about one device besides its model. Worth as much as the trust in its chain. */
export interface DeviceFacts {
  /** Who made it, in the words of its maker's own certificate; empty where the device could choose them. */
  readonly makers: readonly string[]
  /** Hex of the octets, lower case; told by enterprise attestation only. */
  readonly serial: string | undefined
}

export const unknownDevice: DeviceFacts = { makers: [], serial: undefined }

const longestSerial = 64

/** Organization and common name: authorities of makers issue these leaves, and devices have no say in them. */
export function makersOf({ subject }: AttestationCertificate): readonly string[] {
  return [oid.organization, oid.commonName].flatMap((type) => subject.get(type) ?? [])
}

/**
 * id-fido-gen-ce-sernum (WebAuthn L3 8.2.2): octets that name one device of a model. `undefined` where there
 * is none; a text says what is wrong. A critical one was refused with all that leaves may not have.
 */
export function serialOf(
  leaf: AttestationCertificate,
): { readonly serial: string | undefined } | string {
  const extension = leaf.extensions.get(oid.serialNumber)
  if (extension === undefined) return { serial: undefined }
  const inner = parseDer(extension.value)
  const length = inner?.content.byteLength ?? 0
  if (inner?.tag !== derTag.octetString || length < 1 || length > longestSerial) {
    return 'serial number extension holds no octets'
  }
  return { serial: hex(inner.content) }
}

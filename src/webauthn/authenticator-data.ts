import type { Refusal } from '../core/index.ts'
import { isCborMap, parseCborPrefix } from './cbor.ts'
import { webauthnErrors } from './errors.ts'

/** Authenticator data, WebAuthn L3 6.1. */
export interface AuthenticatorData {
  readonly rpIdHash: Uint8Array
  readonly userPresent: boolean
  readonly userVerified: boolean
  readonly backupEligible: boolean
  readonly backupState: boolean
  /** 0 to 2^32 - 1; an authenticator without a counter leaves it at 0. */
  readonly signCount: number
  readonly attested: AttestedCredential | undefined
}

/** Attested credential data, WebAuthn L3 6.5.1. */
export interface AttestedCredential {
  readonly aaguid: Uint8Array
  readonly credentialId: Uint8Array
  /** The COSE_Key exactly as the authenticator encoded (and signed) it. */
  readonly publicKey: Uint8Array
}

/** Bits 1 and 5 are reserved: they are ignored, as the specification asks. */
const flag = { UP: 0x01, UV: 0x04, BE: 0x08, BS: 0x10, AT: 0x40, ED: 0x80 } as const
const headLength = 37
const attestedHeadLength = 18

/**
 * Decodes authenticator data that fills `bytes` exactly. The flags AT and ED must tell the truth about
 * what follows. Extension outputs must be a CBOR map; they are optional for both sides, nothing here asks
 * for any, so their values are not kept.
 */
export function parseAuthenticatorData(bytes: Uint8Array): AuthenticatorData | Refusal {
  if (bytes.byteLength < headLength) return refuse('shorter than its fixed part')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const flags = view.getUint8(32)
  let at = headLength
  let attested: AttestedCredential | undefined
  if ((flags & flag.AT) !== 0) {
    const parsed = parseAttestedCredential(bytes, at)
    if (parsed === undefined) return refuse('attested credential data cut or not CBOR')
    attested = parsed.attested
    at = parsed.end
  }
  if ((flags & flag.ED) !== 0) {
    const extensions = parseCborPrefix(bytes, at)
    if (!isCborMap(extensions?.value)) return refuse('extension outputs are no CBOR map')
    at = extensions?.end ?? at
  }
  if (at !== bytes.byteLength) return refuse(`${bytes.byteLength - at} bytes left over`)
  return {
    rpIdHash: copy(bytes, 0, 32),
    userPresent: (flags & flag.UP) !== 0,
    userVerified: (flags & flag.UV) !== 0,
    backupEligible: (flags & flag.BE) !== 0,
    backupState: (flags & flag.BS) !== 0,
    signCount: view.getUint32(33),
    attested,
  }
}

function parseAttestedCredential(
  bytes: Uint8Array,
  start: number,
): { attested: AttestedCredential; end: number } | undefined {
  const idStart = start + attestedHeadLength
  if (idStart > bytes.byteLength) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const keyStart = idStart + view.getUint16(start + 16)
  const key = parseCborPrefix(bytes, keyStart)
  if (key === undefined) return undefined
  const attested = {
    aaguid: copy(bytes, start, start + 16),
    credentialId: copy(bytes, idStart, keyStart),
    publicKey: copy(bytes, keyStart, key.end),
  }
  return { attested, end: key.end }
}

/** `slice` of a Buffer is a view; this never is. */
function copy(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end))
}

function refuse(detail: string): Refusal {
  return webauthnErrors.refuse('authenticator_data_malformed', detail)
}

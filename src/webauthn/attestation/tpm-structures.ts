/**
 * Readers of the two TPM structures a statement carries, both big-endian and filling their bytes exactly
 * (TPM 2.0 Library part 2: 10.12.8 TPMS_ATTEST, 12.2.4 TPMT_PUBLIC). `undefined` = refused.
 */

/** TPMS_ATTEST of the one kind that is wanted. */
export interface CertifyInfo {
  readonly extraData: Uint8Array
  /** The Name of the certified object: its nameAlg and digest. */
  readonly name: Uint8Array
}

/** TPMT_PUBLIC of a signing key. */
export interface PublicArea {
  /** TPM_ALG_ID of the digest its Name is made with. */
  readonly nameAlgorithm: number
  /** TPMA_OBJECT. */
  readonly attributes: number
  readonly key:
    | { readonly kind: 'rsa'; readonly modulus: Uint8Array; readonly exponent: number }
    | {
        readonly kind: 'ecc'
        readonly curve: number
        readonly x: Uint8Array
        readonly y: Uint8Array
      }
}

const generatedValue = 0xff544347
const attestCertify = 0x8017
const algorithm = { rsa: 0x0001, nothing: 0x0010, ecc: 0x0023 } as const
/** Longest TPM2B here: an RSA modulus of 4096 bits. */
const longestBuffer = 512

export function parseCertifyInfo(bytes: Uint8Array): CertifyInfo | undefined {
  const reader = new Reader(bytes)
  if (reader.number(4) !== generatedValue || reader.number(2) !== attestCertify) return undefined
  reader.sized()
  const extraData = reader.sized()
  // clockInfo (17) and firmwareVersion (8) say nothing that a relying party can judge.
  reader.skip(25)
  const name = reader.sized()
  reader.sized()
  return reader.isDone() && extraData !== undefined && name !== undefined
    ? { extraData, name }
    : undefined
}

export function parsePublicArea(bytes: Uint8Array): PublicArea | undefined {
  const reader = new Reader(bytes)
  const type = reader.number(2)
  const nameAlgorithm = reader.number(2)
  const attributes = reader.number(4)
  reader.sized()
  if (nameAlgorithm === undefined || attributes === undefined) return undefined
  // A signing key has no symmetric algorithm; its scheme may be left open, or name a digest too.
  if (reader.number(2) !== algorithm.nothing) return undefined
  if (reader.number(2) !== algorithm.nothing) reader.skip(2)
  const key = type === algorithm.rsa ? rsaKey(reader) : eccKey(reader, type)
  return key !== undefined && reader.isDone() ? { nameAlgorithm, attributes, key } : undefined
}

function rsaKey(reader: Reader): PublicArea['key'] | undefined {
  const bits = reader.number(2)
  const exponent = reader.number(4)
  const modulus = reader.sized()
  if (bits === undefined || exponent === undefined || modulus === undefined) return undefined
  if (modulus.byteLength * 8 !== bits) return undefined
  // Part 2, 12.2.3.5: zero is the default.
  return { kind: 'rsa', modulus, exponent: exponent === 0 ? 65537 : exponent }
}

function eccKey(reader: Reader, type: number | undefined): PublicArea['key'] | undefined {
  if (type !== algorithm.ecc) return undefined
  const curve = reader.number(2)
  if (reader.number(2) !== algorithm.nothing) return undefined
  const x = reader.sized()
  const y = reader.sized()
  if (curve === undefined || x === undefined || y === undefined) return undefined
  return { kind: 'ecc', curve, x, y }
}

/** Reads from the front; once something is missing, nothing follows and it is never done. */
class Reader {
  readonly #bytes: Uint8Array
  #at = 0
  #failed = false

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  number(size: 2 | 4): number | undefined {
    const bytes = this.#take(size)
    if (bytes === undefined) return undefined
    return bytes.reduce((value, byte) => value * 256 + byte, 0)
  }

  /** A TPM2B: two bytes of length, and as many bytes. */
  sized(): Uint8Array | undefined {
    const length = this.number(2)
    if (length === undefined || length > longestBuffer) this.#failed = true
    return length === undefined ? undefined : this.#take(length)
  }

  skip(size: number): void {
    this.#take(size)
  }

  isDone(): boolean {
    return !this.#failed && this.#at === this.#bytes.byteLength
  }

  #take(size: number): Uint8Array | undefined {
    if (this.#failed || this.#at + size > this.#bytes.byteLength) {
      this.#failed = true
      return undefined
    }
    this.#at += size
    return new Uint8Array(this.#bytes.subarray(this.#at - size, this.#at))
  }
}

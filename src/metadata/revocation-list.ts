import { verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { Instant } from '../core/index.ts'
import { children, readElements } from './der.ts'
import type { Element } from './der.ts'

/** A list of revoked certificates, taken apart. Nothing in it is believed until `verifyList` said yes. */
export interface RevocationList {
  /** The encoded name of who issued it. */
  readonly issuer: Uint8Array
  readonly thisUpdate: Instant
  /** Lists without one are refused: nobody could tell how old they are. */
  readonly nextUpdate: Instant
  /** Serial numbers, hex without leading zeros. */
  readonly revoked: ReadonlySet<string>
  readonly signed: Uint8Array
  readonly digest: string
  readonly signature: Uint8Array
  /** The whole. */
  readonly der: Uint8Array
}

const tag = {
  integer: 0x02,
  bitString: 0x03,
  objectIdentifier: 0x06,
  sequence: 0x30,
  extensions: 0xa0,
  utcTime: 0x17,
  generalizedTime: 0x18,
} as const

const block = /-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]+)-----END X509 CRL-----/g
const certificateBlock = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g
const longestText = 4_194_304
/** Bytes. */
export const longestRevocationFile = longestText
const mostLists = 32

/** ECDSA and RSASSA-PKCS1-v1_5, by the contents of the object identifier, hex. */
const digests: ReadonlyMap<string, string> = new Map([
  ['2a8648ce3d040302', 'sha256'],
  ['2a8648ce3d040303', 'sha384'],
  ['2a8648ce3d040304', 'sha512'],
  ['2a864886f70d01010b', 'sha256'],
  ['2a864886f70d01010c', 'sha384'],
  ['2a864886f70d01010d', 'sha512'],
])

/** The lists in a PEM text; `undefined` when there is none, or one that cannot be read for certain. */
export function parseRevocationLists(text: string): readonly RevocationList[] | undefined {
  if (text.length > longestText) return undefined
  const blocks = [...text.matchAll(block)]
  if (blocks.length === 0 || blocks.length > mostLists) return undefined
  const begun = text.split('-----BEGIN ').length - 1
  const lists = blocks.flatMap(
    ([, body = '']) => parseRevocationList(new Uint8Array(Buffer.from(body, 'base64'))) ?? [],
  )
  return lists.length === begun ? lists : undefined
}

/** What an imported file holds. */
export interface RevocationFile {
  readonly lists: readonly RevocationList[]
  /** DER, of who may have signed them. */
  readonly certificates: readonly Uint8Array[]
}

/** One list in DER, or PEM with lists and certificates; `undefined` when it cannot be read for certain. */
export function parseRevocationFile(bytes: Uint8Array): RevocationFile | undefined {
  if (bytes[0] === tag.sequence) {
    const list = parseRevocationList(bytes)
    return list && { lists: [list], certificates: [] }
  }
  const text = Buffer.from(bytes).toString('latin1')
  const certificates = [...text.matchAll(certificateBlock)].map(
    ([, body = '']) => new Uint8Array(Buffer.from(body, 'base64')),
  )
  const lists =
    certificates.length > mostLists
      ? undefined
      : parseRevocationLists(text.replaceAll(certificateBlock, ''))
  return lists && { lists, certificates }
}

/** RFC 5280 5.1: one list in DER. */
export function parseRevocationList(der: Uint8Array): RevocationList | undefined {
  const whole = readElements(der)
  const parts = whole?.length === 1 ? children(whole[0], tag.sequence) : undefined
  if (parts?.length !== 3) return undefined
  const [content, algorithm, signature] = parts
  const digest = digests.get(hex(children(algorithm, tag.sequence)?.[0]?.content))
  const parsed = parseContent(content, algorithm)
  const bits = wholeBytes(signature)
  if (content === undefined || digest === undefined) return undefined
  if (parsed === undefined || bits === undefined) return undefined
  return { ...parsed, signed: content.encoded, digest, signature: bits, der }
}

function wholeBytes(bits: Element | undefined): Uint8Array | undefined {
  return bits?.tag === tag.bitString && bits.content[0] === 0 ? bits.content.subarray(1) : undefined
}

type Content = Pick<RevocationList, 'issuer' | 'thisUpdate' | 'nextUpdate' | 'revoked'>

/** RFC 5280 5.1.2: version 2, the algorithm again, the issuer, two times, and the rest. */
function parseContent(
  content: Element | undefined,
  algorithm: Element | undefined,
): Content | undefined {
  const [version, inner, ...others] = children(content, tag.sequence) ?? []
  const [issuer, thisUpdate, nextUpdate, ...rest] = others
  if (hex(version?.encoded) !== '020101') return undefined
  if (hex(inner?.encoded) !== hex(algorithm?.encoded)) return undefined
  const since = parseTime(thisUpdate)
  const until = parseTime(nextUpdate)
  const revoked = parseRest(rest)
  if (issuer?.tag !== tag.sequence || since === undefined || until === undefined) return undefined
  return revoked && { issuer: issuer.encoded, thisUpdate: since, nextUpdate: until, revoked }
}

/**
 * Invariant: a list with a critical extension is refused (RFC 5280 5.2): it may be for some certificates
 * only, or a mere difference to another list, and be read as one that clears the rest.
 */
function parseRest(rest: readonly Element[]): ReadonlySet<string> | undefined {
  const entries = rest[0]?.tag === tag.sequence ? rest[0] : undefined
  const [extensions, ...more] = entries === undefined ? rest : rest.slice(1)
  if (more.length > 0 || !isUncritical(extensions)) return undefined
  return entries === undefined ? new Set() : parseRevoked(entries)
}

function parseRevoked(entries: Element): ReadonlySet<string> | undefined {
  const revoked = new Set<string>()
  for (const entry of children(entries, tag.sequence) ?? [undefined]) {
    const serial = children(entry, tag.sequence)?.[0]
    if (serial?.tag !== tag.integer) return undefined
    revoked.add(serialText(hex(serial.content)))
  }
  return revoked
}

function isUncritical(extensions: Element | undefined): boolean {
  if (extensions === undefined) return true
  const list = children(children(extensions, tag.extensions)?.[0], tag.sequence)
  return list?.every((one) => children(one, tag.sequence)?.length === 2) ?? false
}

/** As certificates and lists can be compared: lower case, no leading zeros. */
export function serialText(serial: string): string {
  return serial.toLowerCase().replace(/^0+(?=.)/, '')
}

/** Whose list it is has been found by name; whether it is, the signature says. */
export function verifyList(list: RevocationList, issuerKey: KeyObject): boolean {
  try {
    return verify(list.digest, list.signed, issuerKey, list.signature)
  } catch {
    return false
  }
}

function parseTime(element: Element | undefined): Instant | undefined {
  const text = Buffer.from(element?.content ?? []).toString('latin1')
  const isShort = element?.tag === tag.utcTime && /^\d{12}Z$/.test(text)
  const isLong = element?.tag === tag.generalizedTime && /^\d{14}Z$/.test(text)
  if (!isShort && !isLong) return undefined
  const digits = isLong ? text : `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}`
  const iso = digits.replace(/^(.{4})(..)(..)(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z')
  const read = Date.parse(iso)
  return Number.isNaN(read) ? undefined : read
}

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('hex')
}

import { isIPv4, isIPv6 } from 'node:net'
import { canonicalAddress } from '../../core/index.ts'
import { crc32c } from './crc32c.ts'

/** What the bytes a connection begins with are, by the PROXY protocol (HAProxy, versions 1 and 2). */
export type ProxyHeader =
  | { readonly state: 'incomplete' }
  | { readonly state: 'refused'; readonly why: string }
  | {
      readonly state: 'complete'
      /** What comes after it belongs to the caller. */
      readonly length: number
      /** The caller's address; absent when the proxy speaks for itself or does not know. */
      readonly source: string | undefined
    }

/** The longest header that is read, in either version. */
export const longestProxyHeader = 2048

const signatureV1 = Buffer.from('PROXY ', 'latin1')
const signatureV2 = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
/** Section 2.1: with the line's end. */
const longestV1 = 107

/** Reads the header at the start of `bytes`. Called again with more as long as it is incomplete. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsLike(bytes, signatureV1)) return parseV1(bytes)
  if (startsLike(bytes, signatureV2)) return parseV2(bytes)
  return refused('neither version 1 nor 2')
}

function startsLike(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length)
  return bytes.subarray(0, length).equals(signature.subarray(0, length))
}

function refused(why: string): ProxyHeader {
  return { state: 'refused', why }
}

/** Section 2.1: one line of text. */
function parseV1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, longestV1).indexOf('\r\n')
  if (end === -1) {
    return bytes.length < longestV1 ? { state: 'incomplete' } : refused('a line without end')
  }
  const line = bytes.toString('latin1', 0, end)
  const length = end + 2
  // Whatever follows UNKNOWN is to be ignored.
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) return { state: 'complete', length, source: undefined }
  const match =
    /^PROXY (TCP[46]) ([0-9A-Fa-f.:]{2,45}) ([0-9A-Fa-f.:]{2,45}) (\d{1,5}) (\d{1,5})$/.exec(line)
  if (match === null) return refused('a line of another form')
  const [, protocol, source = '', destination = '', ...ports] = match
  const isAddress = protocol === 'TCP4' ? isIPv4 : isIPv6
  const isSound = isAddress(source) && isAddress(destination) && ports.every(isPort)
  return isSound
    ? { state: 'complete', length, source: canonicalAddress(source) }
    : refused('an address that is none')
}

function isPort(text: string): boolean {
  return String(Number(text)) === text && Number(text) <= 65_535
}

const lengthsOfFamily: ReadonlyMap<number, number> = new Map([
  [0x00, 0],
  [0x11, 12],
  [0x21, 36],
  [0x31, 216],
])

/** Section 2.2: signature, version and command, family and transport, length, addresses, TLVs. */
function parseV2(bytes: Buffer): ProxyHeader {
  if (bytes.length < 16) return { state: 'incomplete' }
  const command = bytes.readUInt8(12)
  const length = 16 + bytes.readUInt16BE(14)
  if (command !== 0x20 && command !== 0x21) return refused('an unknown version or command')
  if (length > longestProxyHeader) return refused('a header that is too long')
  if (bytes.length < length) return { state: 'incomplete' }
  // Of a LOCAL connection the rest is to be skipped, whatever it is.
  if (command === 0x20) return { state: 'complete', length, source: undefined }
  return parseAddresses(bytes.subarray(0, length))
}

function parseAddresses(header: Buffer): ProxyHeader {
  const family = header.readUInt8(13)
  const size = lengthsOfFamily.get(family)
  if (size === undefined) return refused('a family that is not of streams')
  if (header.length < 16 + size) return refused('addresses cut short')
  const fault = findFault(header, 16 + size)
  if (fault !== undefined) return refused(fault)
  return { state: 'complete', length: header.length, source: sourceOf(header, family) }
}

function sourceOf(header: Buffer, family: number): string | undefined {
  if (family === 0x11) return [...header.subarray(16, 20)].join('.')
  if (family !== 0x21) return undefined
  const groups = Array.from({ length: 8 }, (_, index) =>
    header.readUInt16BE(16 + index * 2).toString(16),
  )
  return canonicalAddress(groups.join(':'))
}

const checksumType = 0x03

/** Section 2.2.1 to 2.2.4: TLVs fill the rest exactly, and a checksum that is there has to hold. */
function findFault(header: Buffer, start: number): string | undefined {
  let at = start
  while (at < header.length) {
    if (at + 3 > header.length) return 'a TLV cut short'
    const size = header.readUInt16BE(at + 1)
    const end = at + 3 + size
    if (end > header.length) return 'a TLV cut short'
    if (header[at] === checksumType && !checksumHolds(header, at + 3, size))
      return 'a wrong checksum'
    at = end
  }
  return undefined
}

function checksumHolds(header: Buffer, at: number, size: number): boolean {
  if (size !== 4) return false
  const zeroed = Buffer.from(header).fill(0, at, at + 4)
  return crc32c(zeroed) === header.readUInt32BE(at)
}

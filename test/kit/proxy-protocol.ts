import { isIPv6 } from 'node:net'

/** A version 2 header of the PROXY protocol; every part can be wrong. */
export function proxyV2(parts: {
  readonly command?: number
  readonly family?: number
  readonly source?: string
  /** In place of those of `source`. */
  readonly addresses?: Buffer
  /** TLVs. */
  readonly rest?: Buffer
}): Buffer {
  const { source } = parts
  const isSix = source !== undefined && isIPv6(source)
  const addresses = parts.addresses ?? (source === undefined ? Buffer.alloc(0) : pairOf(source))
  const rest = parts.rest ?? Buffer.alloc(0)
  const head = Buffer.from('0d0a0d0a000d0a515549540a00000000', 'hex')
  head[12] = parts.command ?? 0x21
  head[13] = parts.family ?? (source === undefined ? 0 : isSix ? 0x21 : 0x11)
  head.writeUInt16BE(addresses.length + rest.length, 14)
  return Buffer.concat([head, addresses, rest])
}

/** From `source`, port 1, to the same address, port 2. */
function pairOf(source: string): Buffer {
  const address = isIPv6(source) ? ipv6(source) : Buffer.from(source.split('.').map(Number))
  return Buffer.concat([address, address, Buffer.from([0, 1, 0, 2])])
}

function ipv6(text: string): Buffer {
  const plain = new URL(`http://[${text}]`).hostname.slice(1, -1)
  const [before = '', after = ''] = plain.split('::')
  const high = before === '' ? [] : before.split(':')
  const low = after === '' ? [] : after.split(':')
  const zeros = Array.from({ length: 8 - high.length - low.length }, () => '0')
  const groups = [...high, ...(plain.includes('::') ? zeros : []), ...low]
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex')
}

export function tlv(type: number, value: string): Buffer {
  const head = Buffer.from([type, 0, 0])
  head.writeUInt16BE(Buffer.byteLength(value, 'latin1'), 1)
  return Buffer.concat([head, Buffer.from(value, 'latin1')])
}

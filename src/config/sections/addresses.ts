import { BlockList } from 'node:net'
import { addressFamily } from '../../core/index.ts'

function blocks(...lists: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList()
  for (const [network, prefix] of lists) {
    list.addSubnet(network, prefix, network.includes(':') ? 'ipv6' : 'ipv4')
  }
  return list
}

const loopback = blocks(['127.0.0.0', 8], ['::1', 128])
const unspecified = blocks(['0.0.0.0', 32], ['::', 128])

/**
 * Where clouds answer with credentials: link-local addresses, and the well-known ones elsewhere (AWS over
 * IPv6, Alibaba, Oracle), also behind the NAT64 prefix.
 */
const metadata = blocks(
  ['169.254.0.0', 16],
  ['fe80::', 10],
  ['fd00:ec2::254', 128],
  ['100.100.100.200', 32],
  ['192.0.0.192', 32],
  ['64:ff9b::a9fe:0', 112],
)
const metadataNames = new Set([
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'instance-data',
  'instance-data.ec2.internal',
])

const privateNetworks = blocks(
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['::', 127],
  ['fc00::', 7],
)

function holds(list: BlockList, host: string): boolean {
  const family = addressFamily(host)
  return family !== 0 && list.check(host, family === 6 ? 'ipv6' : 'ipv4')
}

/** `host` without brackets, as `new URL` spells it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || holds(loopback, host)
}

/** Names that stay on this machine whoever resolves them: `localhost` and what is below it. */
export function isLocalhostName(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost')
}

/** Every address of this machine: what a listener has that names none, or where a client lands. */
export function isUnspecified(host: string): boolean {
  return holds(unspecified, host)
}

export function isMetadata(host: string): boolean {
  return metadataNames.has(host.replace(/\.$/, '')) || holds(metadata, host)
}

export function isPrivate(host: string): boolean {
  return host === 'localhost' || holds(privateNetworks, host)
}

export function withoutBrackets(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
}

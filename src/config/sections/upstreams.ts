import type { Draft } from '../draft.ts'
import type { ConfiguredUpstream, Listener } from '../model.ts'
import { quote } from '../problems.ts'
import type { Path } from '../problems.ts'
import { readAmount, readDuration, readFlag } from '../scalars.ts'
import { isLoopback, isMetadata, isPrivate, isUnspecified, withoutBrackets } from './addresses.ts'
import type { Origin } from './origins.ts'
import { readProtocol } from './protocols.ts'

/** Where we ourselves can be reached: by address and by name. */
export interface OwnPlaces {
  readonly listeners: readonly Listener[]
  readonly origins: readonly Origin[]
}

export function resolveUpstreams(draft: Draft, own: OwnPlaces): ConfiguredUpstream[] {
  return Object.entries(draft.shape.upstreams).flatMap(([name, shape]) => {
    const path = ['upstreams', name, 'url']
    const url = readUrl(shape.url)
    if (url === undefined) {
      draft.report(path, {
        code: 'config.upstream-url',
        message: `found ${quote(shape.url)}, expected http://host:port or https://host:port`,
        hint: 'No user, path, query or fragment: the path of the request is forwarded as it was authorized.',
      })
      return []
    }
    const hostname = withoutBrackets(url.hostname)
    const allowPrivateAddresses =
      shape.allowPrivateAddresses === undefined
        ? isLoopback(hostname)
        : readFlag(shape.allowPrivateAddresses)
    if (shape.allowPrivateAddresses === undefined) {
      draft.derive(['upstreams', name, 'allowPrivateAddresses'], allowPrivateAddresses)
    }
    const { connect, headers, idle } = shape.timeouts
    const upstream: ConfiguredUpstream = {
      name,
      origin: url.origin,
      scheme: url.protocol === 'http:' ? 'http' : 'https',
      hostname,
      port: dialledPort(url),
      protocol: readProtocol(draft, name, [url.protocol.slice(0, -1)]),
      allowPrivateAddresses,
      timeouts: {
        connect: readDuration(connect),
        headers: readDuration(headers),
        idle: readDuration(idle),
      },
      maxConnections: readAmount(shape.maxConnections),
    }
    checkDestination(draft, path, upstream, own)
    return [upstream]
  })
}

function readUrl(text: string): URL | undefined {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return undefined
  const bare = text.endsWith('/') ? text.slice(0, -1) : text
  return /[/?#@\\]/.test(bare.slice(url.protocol.length + 2)) || url.href !== `${url.origin}/`
    ? undefined
    : url
}

function dialledPort(url: URL): number {
  if (url.port !== '') return Number(url.port)
  return url.protocol === 'http:' ? 80 : 443
}

function checkDestination(
  draft: Draft,
  path: Path,
  upstream: ConfiguredUpstream,
  own: OwnPlaces,
): void {
  const { hostname, origin } = upstream
  if (isMetadata(hostname)) {
    draft.report(path, {
      code: 'config.upstream-metadata',
      message: `found ${quote(origin)}, expected no link-local or cloud metadata address`,
      hint: 'These addresses hand out credentials of the machine and are never forwarded to.',
    })
  } else if (isOurselves(upstream, own)) {
    draft.report(path, {
      code: 'config.upstream-loop',
      message: `found ${quote(origin)}, which is this server itself, expected another service`,
      hint: 'Requests would come back forever: use the port your service listens on.',
    })
  } else if (isPrivate(hostname) && !upstream.allowPrivateAddresses) {
    draft.report(path, {
      code: 'config.upstream-private',
      message: `found ${quote(origin)}, a private address, expected leave to connect to it`,
      hint: 'Add `allowPrivateAddresses: true` to this upstream if that is meant.',
    })
  } else if (upstream.scheme === 'http' && !isLoopback(hostname)) {
    draft.warn(
      path,
      {
        code: 'config.warn-upstream-http',
        message: `found ${quote(origin)}, expected https for what leaves this machine`,
        hint: 'Requests and assertions can be read on the way.',
      },
      'value',
    )
  }
}

function isOurselves(upstream: ConfiguredUpstream, own: OwnPlaces): boolean {
  const { hostname, port } = upstream
  const byName = own.origins.some(
    (origin) => origin.hostname === hostname && (origin.port === port || isOwnPort(port, own)),
  )
  return byName || own.listeners.some((listener) => reaches(hostname, port, listener))
}

function isOwnPort(port: number, own: OwnPlaces): boolean {
  return own.listeners.some((listener) => listener.port === port)
}

function reaches(hostname: string, port: number, listener: Listener): boolean {
  if (listener.port !== port) return false
  const isHere = isLoopback(hostname) || isUnspecified(hostname) || hostname.endsWith('.localhost')
  if (isHere) return isLoopback(listener.address) || isUnspecified(listener.address)
  return hostname === listener.address
}

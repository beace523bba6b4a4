import { isAbsolute, normalize } from 'node:path'
import type { Draft } from '../draft.ts'
import type { ConfiguredTarget, Listener } from '../model.ts'
import { quote } from '../problems.ts'
import type { Path } from '../problems.ts'
import { readAmount, readFlag } from '../scalars.ts'
import type { UpstreamShape } from '../schema/upstreams.ts'
import { isLoopback, isMetadata, isPrivate, isUnspecified, withoutBrackets } from './addresses.ts'
import type { Origin } from './origins.ts'

/** Where we ourselves can be reached: by address and by name. */
export interface OwnPlaces {
  readonly listeners: readonly Listener[]
  readonly origins: readonly Origin[]
}

/** A target and where its URL stands. */
export interface PlacedTarget {
  readonly target: ConfiguredTarget
  readonly path: Path
}

/** What the system can name a socket by, on every platform. */
const longestSocketPath = 103

/** The targets that could be read; the others are reported. */
export function resolveTargets(draft: Draft, name: string, shape: UpstreamShape): PlacedTarget[] {
  const at = ['upstreams', name]
  const saysUrl = draft.says([...at, 'url'])
  if (saysUrl === draft.says([...at, 'targets'])) {
    const found = saysUrl ? 'both url and targets' : 'neither url nor targets'
    draft.report(
      at,
      {
        code: 'config.upstream-targets',
        message: `found ${found}, expected one of them`,
        hint: 'Write `url:` for one place of the service, `targets:` for several.',
      },
      'key',
    )
    return []
  }
  if (shape.url === undefined && shape.targets === undefined) return []
  const written = shape.targets?.map((target, index) => ({
    url: target.url,
    weight: readAmount(target.weight),
    backup: readFlag(target.backup),
    path: [...at, 'targets', index, 'url'],
  }))
  const single = { url: shape.url ?? '', weight: 1, backup: false, path: [...at, 'url'] }
  const placed = (written ?? [single]).flatMap(({ url, weight, backup, path }) => {
    const place = readPlace(url)
    if (place === undefined) {
      reportUrl(draft, path, url)
      return []
    }
    return [{ target: { ...place, weight, backup }, path }]
  })
  if (shape.targets !== undefined) checkTogether(draft, at, placed)
  return placed
}

function reportUrl(draft: Draft, path: Path, url: string): void {
  draft.report(path, {
    code: 'config.upstream-url',
    message: `found ${quote(url)}, expected http://host:port, https://host:port or unix:/path`,
    hint: 'No user, path, query or fragment: the path of the request is forwarded as it was authorized.',
  })
}

function checkTogether(draft: Draft, at: Path, placed: readonly PlacedTarget[]): void {
  if (placed.every(({ target }) => target.backup)) {
    draft.report([...at, 'targets'], {
      code: 'config.upstream-targets',
      message: 'found no target that is not a backup, expected one',
      hint: 'A backup stands in for the others; name at least one of those.',
    })
  }
  const seen = new Set<string>()
  for (const { target, path } of placed) {
    if (seen.has(target.label)) {
      draft.report(path, {
        code: 'config.upstream-targets',
        message: `found ${quote(target.label)} twice, expected each target once`,
        hint: 'Give it more weight instead.',
      })
    }
    seen.add(target.label)
  }
}

type TargetPlace = Omit<ConfiguredTarget, 'weight' | 'backup'>

function readPlace(text: string): TargetPlace | undefined {
  if (text.startsWith('unix:')) return readSocket(text.slice(5))
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return undefined
  const bare = text.endsWith('/') ? text.slice(0, -1) : text
  const hasMore = /[/?#@\\]/.test(bare.slice(url.protocol.length + 2))
  if (hasMore || url.href !== `${url.origin}/`) return undefined
  return {
    label: url.origin,
    origin: url.origin,
    scheme: url.protocol === 'http:' ? 'http' : 'https',
    hostname: withoutBrackets(url.hostname),
    port: dialledPort(url),
    socketPath: undefined,
  }
}

function readSocket(path: string): TargetPlace | undefined {
  const fits = Buffer.byteLength(path) <= longestSocketPath && !/\p{Cc}/u.test(path)
  if (!fits || !isAbsolute(path) || normalize(path) !== path || path.endsWith('/')) return undefined
  return {
    label: `unix:${path}`,
    origin: 'http://localhost',
    scheme: 'http',
    hostname: 'localhost',
    port: 80,
    socketPath: path,
  }
}

function dialledPort(url: URL): number {
  if (url.port !== '') return Number(url.port)
  return url.protocol === 'http:' ? 80 : 443
}

/** Whether a target is on this machine by its own words. */
export function isLocalTarget(target: ConfiguredTarget): boolean {
  return target.socketPath !== undefined || isLoopback(target.hostname)
}

/** Reports a target that must not be forwarded to. */
export function checkDestination(
  draft: Draft,
  { target, path }: PlacedTarget,
  { own, allowPrivateAddresses }: { own: OwnPlaces; allowPrivateAddresses: boolean },
): void {
  const { hostname, origin } = target
  if (target.socketPath !== undefined) return
  if (isMetadata(hostname)) {
    draft.report(path, {
      code: 'config.upstream-metadata',
      message: `found ${quote(origin)}, expected no link-local or cloud metadata address`,
      hint: 'These addresses hand out credentials of the machine and are never forwarded to.',
    })
  } else if (isOurselves(target, own)) {
    draft.report(path, {
      code: 'config.upstream-loop',
      message: `found ${quote(origin)}, which is this server itself, expected another service`,
      hint: 'Requests would come back forever: use the port your service listens on.',
    })
  } else if (isPrivate(hostname) && !allowPrivateAddresses) {
    draft.report(path, {
      code: 'config.upstream-private',
      message: `found ${quote(origin)}, a private address, expected leave to connect to it`,
      hint: 'Add `allowPrivateAddresses: true` to this upstream if that is meant.',
    })
  } else if (target.scheme === 'http' && !isLoopback(hostname)) {
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

function isOurselves(target: ConfiguredTarget, own: OwnPlaces): boolean {
  const { hostname, port } = target
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

import type { Draft } from '../draft.ts'
import type { ConfiguredUpstream } from '../model.ts'
import { quote } from '../problems.ts'
import { readAmount, readDuration, readFlag } from '../scalars.ts'
import type { UpstreamShape } from '../schema/upstreams.ts'
import type { PolicyFiles } from './access/documents.ts'
import { readProtocol } from './protocols.ts'
import { checkDestination, isLocalTarget, resolveTargets } from './upstream-targets.ts'
import type { OwnPlaces, PlacedTarget } from './upstream-targets.ts'
import { resolveUpstreamTls } from './upstream-tls.ts'

export function resolveUpstreams(
  draft: Draft,
  own: OwnPlaces,
  files: PolicyFiles,
): ConfiguredUpstream[] {
  return Object.entries(draft.shape.upstreams).flatMap(([name, shape]) => {
    const placed = resolveTargets(draft, name, shape)
    if (placed.length === 0) return []
    const targets = placed.map(({ target }) => target)
    const allowPrivateAddresses = resolvePrivate(draft, name, placed)
    for (const one of placed) checkDestination(draft, one, { own, allowPrivateAddresses })
    const secure = targets.every(({ scheme }) => scheme === 'https')
    return [
      {
        name,
        forwarded: readFlag(shape.forwarded),
        targets,
        protocol: readProtocol(draft, name, targets),
        balance: resolveBalance(draft, name, shape),
        host: resolveHost(draft, name, shape),
        allowPrivateAddresses,
        timeouts: resolveTimeouts(draft, name, shape),
        maxConnections: readAmount(shape.maxConnections),
        maxPending: readAmount(shape.maxPending),
        health: resolveHealth(draft, name, shape),
        ejection: resolveEjection(draft, name, shape),
        retries: resolveRetries(shape),
        addressRefresh: readDuration(shape.dns.refresh),
        tls: resolveUpstreamTls(draft, { name, shape, secure }, files),
      },
    ]
  })
}

function resolvePrivate(draft: Draft, name: string, placed: readonly PlacedTarget[]): boolean {
  const written = draft.shape.upstreams[name]?.allowPrivateAddresses
  if (written !== undefined) return readFlag(written)
  const isLocal = placed.every(({ target }) => isLocalTarget(target))
  draft.derive(['upstreams', name, 'allowPrivateAddresses'], isLocal)
  return isLocal
}

function resolveBalance(
  draft: Draft,
  name: string,
  shape: UpstreamShape,
): ConfiguredUpstream['balance'] {
  const isWeighted = shape.targets?.some((target) => readAmount(target.weight) !== 1) === true
  if (shape.balance === 'round-robin' && isWeighted) {
    draft.report(['upstreams', name, 'balance'], {
      code: 'config.upstream-balance',
      message: 'found round-robin with weights, expected a balance that heeds them',
      hint: 'Write weighted, least-pending or sticky, or leave the weights out.',
    })
  }
  if (shape.balance !== undefined) return shape.balance
  const balance = isWeighted ? 'weighted' : 'round-robin'
  if (shape.targets !== undefined) draft.derive(['upstreams', name, 'balance'], balance)
  return balance
}

/** A host with or without a port, in the one form a `Host` header is sent in. */
function resolveHost(draft: Draft, name: string, shape: UpstreamShape): string | undefined {
  const { host } = shape
  if (host === undefined) return undefined
  const url = URL.parse(`http://${host}`)
  if (url?.host === host && url.href === `http://${host}/`) return host
  draft.report(['upstreams', name, 'host'], {
    code: 'config.upstream-host',
    message: `found ${quote(host)}, expected a lower-case host, with a port if it is not 80`,
    hint: 'For example orders.internal or orders.internal:8080.',
  })
  return undefined
}

function resolveTimeouts(
  draft: Draft,
  name: string,
  shape: UpstreamShape,
): ConfiguredUpstream['timeouts'] {
  const { connect, headers, idle, queue, total } = shape.timeouts
  if (queue === undefined) draft.derive(['upstreams', name, 'timeouts', 'queue'], connect)
  return {
    connect: readDuration(connect),
    headers: readDuration(headers),
    idle: readDuration(idle),
    queue: readDuration(queue ?? connect),
    total: total === undefined ? undefined : readDuration(total),
  }
}

function resolveHealth(
  draft: Draft,
  name: string,
  { health }: UpstreamShape,
): ConfiguredUpstream['health'] {
  if (health === undefined) return undefined
  const [first = '', last = first] = String(health.expect).split('-', 2)
  if (Number(last) < Number(first)) {
    draft.report(['upstreams', name, 'health', 'expect'], {
      code: 'config.value',
      message: `found ${quote(String(health.expect))}, expected the lower status first`,
      hint: 'For example 200-299.',
    })
  }
  return {
    path: health.path,
    interval: readDuration(health.interval),
    timeout: readDuration(health.timeout),
    healthyAfter: readAmount(health.healthyAfter),
    unhealthyAfter: readAmount(health.unhealthyAfter),
    expect: [Number(first), Number(last)],
  }
}

/** With one target nothing is gained by leaving it out, unless that is asked for. */
function resolveEjection(
  draft: Draft,
  name: string,
  { targets, ejection }: UpstreamShape,
): ConfiguredUpstream['ejection'] {
  const isMeant = (targets?.length ?? 1) > 1 || draft.says(['upstreams', name, 'ejection'])
  if (!isMeant) draft.derive(['upstreams', name, 'ejection'], 'none')
  if (ejection === 'none' || !isMeant) return undefined
  const { errorAnswers } = ejection
  return {
    failures: readAmount(ejection.failures),
    errorAnswers: errorAnswers === undefined ? undefined : readAmount(errorAnswers),
    base: readDuration(ejection.base),
    maxEjected: readPercent(ejection.maxEjected),
  }
}

function resolveRetries({ retries }: UpstreamShape): ConfiguredUpstream['retries'] {
  if (retries === 'none') return undefined
  return { share: readPercent(retries.budget) / 100, perRequest: readAmount(retries.perRequest) }
}

function readPercent(text: string): number {
  return Number(text.slice(0, -1))
}

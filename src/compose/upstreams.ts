import { BalancedUpstream } from '../balance/index.ts'
import type { BalancedOptions, TargetOptions } from '../balance/index.ts'
import { millis } from '../core/index.ts'
import type { Millis } from '../core/index.ts'
import type { ConfiguredTarget, ConfiguredUpstream } from '../config/index.ts'
import { openOrigin } from '../upstream/index.ts'
import type { TargetCondition, UpstreamOptions, UpstreamPool } from '../upstream/index.ts'

const upstreamKeepAlive = millis(60_000)
const upstreamHeaderBytes = 64 * 1024

/** A target of an upstream went from one condition to another. */
export type TargetChange = (change: {
  readonly upstream: string
  readonly target: string
  readonly condition: TargetCondition
}) => void

/** The `Host` of requests, where a target has none of its own. */
export function upstreamAuthority(configured: ConfiguredUpstream): string {
  const [first] = configured.targets
  return configured.host ?? authorityOf(first)
}

/**
 * Opens no connection: the first request does, or the first health check.
 *
 * @param onChange - without it there are no health checks: nobody would hear of them.
 */
export function openUpstream(
  described: ConfiguredUpstream,
  onChange: TargetChange | undefined,
): UpstreamPool {
  const configured = onChange === undefined ? { ...described, health: undefined } : described
  const { targets, health, ejection } = configured
  const [first] = targets
  if (first === undefined) throw new TypeError('a checked upstream has a target')
  // One place that nobody watches is its own pool: a request passes through nothing else.
  if (targets.length === 1 && health === undefined && ejection === undefined) {
    return openTarget(configured, first, { total: configured.timeouts.total })
  }
  return new BalancedUpstream({
    ...balancing(configured),
    name: configured.name,
    targets: targets.map((target) => balancedTarget(configured, target)),
    balance: configured.balance,
    authority: upstreamAuthority(configured),
    onChange: (target, condition) => onChange?.({ upstream: configured.name, target, condition }),
  })
}

function balancing(
  configured: ConfiguredUpstream,
): Pick<BalancedOptions, 'retries' | 'health' | 'ejection' | 'totalTimeout'> {
  const { retries, health, ejection, timeouts } = configured
  return {
    ...(retries === undefined ? {} : { retries }),
    ...(health === undefined ? {} : { health }),
    ...(ejection === undefined
      ? {}
      : {
          ejection: {
            failures: ejection.failures,
            base: ejection.base,
            maxEjected: ejection.maxEjected,
            ...(ejection.errorAnswers === undefined ? {} : { errorAnswers: ejection.errorAnswers }),
          },
        }),
    ...(timeouts.total === undefined ? {} : { totalTimeout: timeouts.total }),
  }
}

function balancedTarget(configured: ConfiguredUpstream, target: ConfiguredTarget): TargetOptions {
  const authority = configured.host ?? authorityOf(target)
  return {
    label: target.label,
    // The time of the whole is the group's to count, over all tries.
    pool: openTarget(configured, target, { total: undefined }),
    weight: target.weight,
    backup: target.backup,
    ...(authority === upstreamAuthority(configured) ? {} : { authority }),
    ...(configured.health === undefined
      ? {}
      : { probe: openTarget(configured, target, { total: undefined, forChecks: true }) }),
  }
}

function authorityOf(target: ConfiguredTarget | undefined): string {
  return target === undefined ? '' : new URL(target.origin).host
}

interface Opening {
  readonly total: Millis | undefined
  /** A connection for each check, and none that stays. */
  readonly forChecks?: boolean
}

function openTarget(
  configured: ConfiguredUpstream,
  target: ConfiguredTarget,
  { total, forChecks = false }: Opening,
): UpstreamPool {
  const { timeouts, tls } = configured
  return openOrigin({
    name: configured.name,
    url: new URL(target.origin),
    protocol: configured.protocol,
    ...(target.socketPath === undefined ? {} : { socketPath: target.socketPath }),
    allowPrivateAddresses: configured.allowPrivateAddresses,
    connectTimeout: timeouts.connect,
    headersTimeout: timeouts.headers,
    idleTimeout: timeouts.idle,
    queueTimeout: timeouts.queue,
    ...(total === undefined ? {} : { totalTimeout: total }),
    maxConnections: forChecks ? 1 : configured.maxConnections,
    maxQueued: configured.maxPending,
    keepAliveTimeout: forChecks ? millis(1) : upstreamKeepAlive,
    maxHeaderBytes: upstreamHeaderBytes,
    resends: configured.retries !== undefined,
    addressRefresh: configured.addressRefresh,
    ...(tls === undefined ? {} : { tls: tlsOptions(tls) }),
  })
}

function tlsOptions(
  tls: NonNullable<ConfiguredUpstream['tls']>,
): NonNullable<UpstreamOptions['tls']> {
  const { ca, identity, serverName, minVersion, skipVerification } = tls
  return {
    minVersion,
    dangerouslySkipVerification: skipVerification,
    ...(ca === undefined ? {} : { ca }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(identity === undefined
      ? {}
      : { identity: { cert: identity.cert, key: identity.key.reveal() } }),
  }
}

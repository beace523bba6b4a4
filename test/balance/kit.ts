import type { TestContext } from 'node:test'

import { millis } from '../../src/core/index.ts'
import { Upstream } from '../../src/upstream/index.ts'
import { BalancedUpstream } from '../../src/balance/index.ts'
import type { TargetCondition, UpstreamOptions } from '../../src/upstream/index.ts'
import type { BalancedOptions, TargetOptions } from '../../src/balance/index.ts'
import { ok, rawServer } from '../upstream/kit.ts'
import type { RawServer } from '../upstream/kit.ts'

export interface TargetChanges extends Partial<TargetOptions> {
  readonly port: number
  readonly options?: Partial<UpstreamOptions>
}

export interface Group {
  readonly upstream: BalancedUpstream
  /** `port condition`, in order. */
  readonly changes: string[]
  readonly conditions: () => Record<string, TargetCondition>
}

/** A group of targets on 127.0.0.1. */
export function groupOf(
  t: TestContext,
  targets: readonly (number | TargetChanges)[],
  changes: Partial<BalancedOptions> = {},
): Group {
  const seen: string[] = []
  const upstream = new BalancedUpstream({
    name: 'test',
    authority: 'a',
    balance: 'round-robin',
    targets: targets.map((target) =>
      targetOf(typeof target === 'number' ? { port: target } : target),
    ),
    retries: { share: 0.2, perRequest: 1 },
    onChange: (target, condition) => seen.push(`${target} ${condition}`),
    ...changes,
  })
  t.after(() => upstream.close(millis(0)))
  const conditions = (): Record<string, TargetCondition> =>
    Object.fromEntries(upstream.targets.map(({ target, condition }) => [target, condition]))
  return { upstream, changes: seen, conditions }
}

function targetOf({ port, options, ...more }: TargetChanges): TargetOptions {
  const pool = (keepAlive: number): Upstream =>
    new Upstream({
      name: 'test',
      url: new URL(`http://127.0.0.1:${port}`),
      allowPrivateAddresses: true,
      connectTimeout: millis(20_000),
      headersTimeout: millis(20_000),
      idleTimeout: millis(20_000),
      maxConnections: 16,
      keepAliveTimeout: millis(keepAlive),
      maxHeaderBytes: 16_384,
      ...options,
    })
  return {
    label: String(port),
    weight: 1,
    backup: false,
    pool: pool(60_000),
    probe: pool(1),
    ...more,
  }
}

/** A server that answers every request with its name; counts them. */
export async function namedServer(
  t: TestContext,
  name: string,
): Promise<RawServer & { requests: () => number }> {
  const server = await rawServer(t, (socket) => socket.write(ok(name)))
  return {
    ...server,
    requests: () =>
      server.received.reduce((sum, text) => sum + text.split('HTTP/1.1\r\n').length - 1, 0),
  }
}

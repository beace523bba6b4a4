import type { KoaContextWithOIDC } from 'oidc-provider'
import { hashSecret } from '../core/index.ts'
import type { Clock } from '../core/index.ts'
import { MemoryBuckets } from '../throttle/index.ts'

/** A device asks every five seconds; a second is allowed for networks and timers. */
const oncePerFourSeconds = { rate: 1 / 4, burst: 1 }
const mostDevices = 10_000

/** RFC 8628 3.5: a device that asks too often is told so. The library leaves that to us. */
export function slowDownPolling(
  clock: Clock,
): (ctx: KoaContextWithOIDC, next: () => Promise<unknown>) => Promise<void> {
  const buckets = new MemoryBuckets(mostDevices)
  return async (ctx, next) => {
    await next()
    const answer = ctx.body as { error?: unknown } | undefined
    if (answer?.error !== 'authorization_pending') return
    const device = hashSecret('oidc', String(ctx.oidc.params?.['device_code']))
    if (buckets.take(device, oncePerFourSeconds, clock.now()) === 0) return
    ctx.body = { error: 'slow_down', error_description: 'wait five seconds longer each time' }
  }
}

import type { Millis } from '../../core/index.ts'
import type {
  Exchange,
  OutgoingRequest,
  ResponseSink,
  UpgradeRequest,
  UpgradeSink,
  UpstreamPool,
  UpstreamStats,
} from '../contract.ts'
import { Upstream } from '../upstream.ts'
import { Http2Upstream } from './http2-upstream.ts'
import type { Http2Options } from './http2-upstream.ts'

/** How long an answer of HTTP/1.1 is believed before the service is asked again. */
const believedFor = 60_000

/**
 * A service that may speak HTTP/2 or HTTP/1.1: both are offered by ALPN and its answer decides. What asked
 * goes on with the other protocol, unsent until then. Upgrades always go over HTTP/1.1.
 */
export class AutoUpstream implements UpstreamPool {
  readonly name: string
  readonly #http1: Upstream
  readonly #http2: Http2Upstream
  #http1Until = 0

  constructor(options: Http2Options) {
    this.name = options.name
    this.#http1 = new Upstream(options)
    this.#http2 = new Http2Upstream({
      ...options,
      otherwise: {
        request: (request, sink) => {
          this.#http1Until = performance.now() + believedFor
          return this.#http1.request(request, sink)
        },
      },
    })
  }

  get stats(): UpstreamStats {
    const one = this.#http1.stats
    const two = this.#http2.stats
    return {
      open: one.open + two.open,
      idle: one.idle + two.idle,
      queued: one.queued + two.queued,
      requests: one.requests + two.requests,
      reused: one.reused + two.reused,
      retried: one.retried + two.retried,
      failed: one.failed + two.failed,
      upgraded: one.upgraded + two.upgraded,
    }
  }

  request(request: OutgoingRequest, sink: ResponseSink): Exchange {
    const pool = this.#http1Until > performance.now() ? this.#http1 : this.#http2
    return pool.request(request, sink)
  }

  upgrade(request: UpgradeRequest, sink: UpgradeSink): Exchange {
    return this.#http1.upgrade(request, sink)
  }

  async close(deadline: Millis): Promise<void> {
    await Promise.all([this.#http1.close(deadline), this.#http2.close(deadline)])
  }
}

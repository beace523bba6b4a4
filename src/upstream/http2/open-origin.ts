import { unreachable } from '../../core/index.ts'
import type { UpstreamOptions, UpstreamPool } from '../contract.ts'
import { AutoUpstream } from './auto-upstream.ts'
import { Http2Upstream } from './http2-upstream.ts'
import { Upstream } from '../upstream.ts'

/** The client for one origin in the protocol it is to be spoken to with. Opens no connection yet. */
export function openOrigin(options: UpstreamOptions): UpstreamPool {
  const { protocol = 'http1' } = options
  switch (protocol) {
    case 'http1':
      return new Upstream(options)
    case 'h2':
      return new Http2Upstream(options)
    case 'auto':
      return new AutoUpstream(options)
    default:
      return unreachable(protocol)
  }
}

import { millis } from '../core/index.ts'
import type { ConfiguredUpstream } from '../config/index.ts'
import { openOrigin } from '../upstream/index.ts'
import type { UpstreamPool } from '../upstream/index.ts'

const upstreamKeepAlive = millis(60_000)
const upstreamHeaderBytes = 64 * 1024

/** Opens no connection: the first request does. */
export function openUpstream(configured: ConfiguredUpstream): UpstreamPool {
  const { timeouts } = configured
  return openOrigin({
    name: configured.name,
    url: new URL(configured.origin),
    protocol: configured.protocol,
    allowPrivateAddresses: configured.allowPrivateAddresses,
    connectTimeout: timeouts.connect,
    headersTimeout: timeouts.headers,
    idleTimeout: timeouts.idle,
    maxConnections: configured.maxConnections,
    keepAliveTimeout: upstreamKeepAlive,
    maxHeaderBytes: upstreamHeaderBytes,
  })
}

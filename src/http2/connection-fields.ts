/**
 * Fields that speak of a connection of HTTP/1.1: their presence makes a message malformed, in its trailers too
 * (RFC 9113 8.2.2).
 */
export const connectionFields: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])

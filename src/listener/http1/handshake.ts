import type { RequestHead } from '../../http1/index.ts'

const namesUpgrade = /(?:^|,)[ \t]*upgrade[ \t]*(?:,|$)/i

/**
 * Only a WebSocket handshake may change protocols (RFC 6455 4.2.1): anything else that asks for an upgrade,
 * h2c above all, is an ordinary request, and so is everything in HTTP/1.0 (RFC 9110 7.8).
 */
export function asksForWebSocket({ method, section }: RequestHead): boolean {
  const { headers, isCurrent, flaw } = section
  return (
    headers.upgrade !== undefined &&
    headers.upgrade.toLowerCase() === 'websocket' &&
    namesUpgrade.test(headers.connection ?? '') &&
    method === 'GET' &&
    isCurrent &&
    flaw === undefined &&
    headers['sec-websocket-key'] !== undefined &&
    headers['content-length'] === undefined &&
    headers['transfer-encoding'] === undefined
  )
}

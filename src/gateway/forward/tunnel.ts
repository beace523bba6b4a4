import type { Duplex } from 'node:stream'
import { invariant } from '../../core/index.ts'
import type { Fail } from './forward.ts'
import { outgoingRequest } from './outgoing.ts'
import { answeredHeaders } from './headers.ts'
import type { Admitted } from '../stages.ts'
import { refuseFailure, upstreamErrors } from '../../upstream/index.ts'
import type { ResponseHead, UpstreamFailure } from '../../upstream/index.ts'

/** Tunnels that are open now; closed when the process drains. */
export class Tunnels {
  readonly #open = new Set<() => void>()

  get size(): number {
    return this.#open.size
  }

  add(close: () => void): () => void {
    this.#open.add(close)
    return () => this.#open.delete(close)
  }

  closeAll(): void {
    for (const close of this.#open) close()
  }
}

/** Carries an admitted WebSocket handshake (RFC 6455 4) to its upstream, and then the bytes both ways. */
export function openTunnel(admitted: Admitted, tunnels: Tunnels, fail: Fail): void {
  const { incoming } = admitted.routed
  const request = outgoingRequest(admitted, { kind: 'none' })
  // The handshake's own lines are dropped with the other hop-by-hop ones, so they are written again.
  const exchange = admitted.destination.upstream.upgrade(
    { ...request, protocol: 'websocket' },
    {
      onUpgrade: (head, upstream, leftover) => {
        const { upgrade } = incoming
        invariant(upgrade !== undefined, 'a tunnel is opened for an upgrade only')
        const caller = upgrade.take()
        caller.write(switchingProtocols(head, incoming.requestId))
        join(caller, upstream, tunnels)
        if (leftover.length > 0) caller.write(leftover)
        if (upgrade.head.length > 0) upstream.write(upgrade.head)
      },
      // Anything but 101: no tunnel is opened and nothing more is read from this connection.
      onHead: (head) => {
        exchange.abort()
        fail(
          upstreamErrors.refuse('malformed', `the upstream answered ${head.status} to an upgrade`),
        )
      },
      onData: () => true,
      onEnd: () => undefined,
      onFailure: (failure: UpstreamFailure) => fail(refuseFailure(failure)),
    },
  )
  exchange.end()
  incoming.life.onOver(() => exchange.abort())
}

function switchingProtocols(head: ResponseHead, requestId: string): string {
  const headers = answeredHeaders(head.headers, requestId)
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade']
  if (!headers.some((name, at) => at % 2 === 0 && name.toLowerCase() === 'upgrade')) {
    lines.push('Upgrade: websocket')
  }
  for (let at = 0; at < headers.length; at += 2) {
    lines.push(`${headers[at] ?? ''}: ${headers[at + 1] ?? ''}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** Both directions, until either side ends. */
function join(caller: Duplex, upstream: Duplex, tunnels: Tunnels): void {
  const close = (): void => {
    caller.destroy()
    upstream.destroy()
  }
  const forget = tunnels.add(close)
  for (const side of [caller, upstream]) {
    side.on('error', close)
    side.on('close', () => {
      forget()
      close()
    })
  }
  caller.pipe(upstream)
  upstream.pipe(caller)
  caller.resume()
  upstream.resume()
}

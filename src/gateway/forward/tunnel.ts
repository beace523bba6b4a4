import type { Duplex } from 'node:stream'
import { invariant } from '../../core/index.ts'
import type { LiveExchanges } from '../live/live-exchanges.ts'
import { OpenExchange } from '../live/open-exchange.ts'
import type { Bond, Ending } from '../live/open-exchange.ts'
import { editAnswered } from '../rewrite/answered.ts'
import type { Admitted } from '../stages.ts'
import { refuseFailure, upstreamErrors } from '../../upstream/index.ts'
import type { ResponseHead, UpstreamFailure } from '../../upstream/index.ts'
import type { Fail } from './forward.ts'
import { outgoingRequest } from './outgoing.ts'
import { closeFrame, FrameFollower } from './frames.ts'
import type { CloseCode } from './frames.ts'
import { answeredHeaders } from './headers.ts'

/** How long a side has to read the last that is sent to it. */
const lingersFor = 400
/** How long a side has to end when the other has. */
const halfOpenFor = 2000

const closeCodes: Readonly<Record<Ending, CloseCode>> = {
  revoked: 1008,
  expired: 1008,
  policy_changed: 1008,
  proof_too_old: 1008,
  evidence_unavailable: 1008,
  too_old: 1001,
  idle: 1001,
  draining: 1001,
  message_too_big: 1009,
}

/** Carries an admitted WebSocket handshake (RFC 6455 4) to its upstream, and then the bytes both ways. */
export function openTunnel(admitted: Admitted, live: LiveExchanges, fail: Fail): void {
  const { incoming } = admitted.routed
  const { upgrade } = incoming
  invariant(upgrade !== undefined, 'a tunnel is opened for an upgrade only')
  const request = outgoingRequest(admitted, { kind: 'none' })
  // The handshake's own lines are dropped with the other hop-by-hop ones, so they are written again.
  const exchange = admitted.destination.upstream.upgrade(
    { ...request, protocol: 'websocket' },
    {
      onUpgrade: (head, upstream, leftover) => {
        const caller = upgrade.take()
        caller.write(switchingProtocols(head, admitted), 'latin1')
        new Tunnel(admitted, live, { caller, upstream }).join(leftover)
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

function switchingProtocols(head: ResponseHead, admitted: Admitted): string {
  const { incoming } = admitted.routed
  const own = answeredHeaders(head.headers)
  own.push('x-request-id', incoming.requestId)
  const headers = editAnswered(own, admitted)
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade']
  if (!headers.some((name, at) => at % 2 === 0 && name.toLowerCase() === 'upgrade')) {
    lines.push('Upgrade: websocket')
  }
  for (let at = 0; at < headers.length; at += 2) {
    lines.push(`${headers[at] ?? ''}: ${headers[at + 1] ?? ''}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** An open WebSocket: bytes both ways, each side read only as fast as the other takes it. */
class Tunnel extends OpenExchange {
  readonly bond: Bond = 'tunnel'
  readonly isLasting = true
  readonly #live: LiveExchanges
  readonly #caller: Duplex
  readonly #upstream: Duplex
  readonly #fromCaller: FrameFollower
  readonly #fromUpstream = new FrameFollower()
  #usedFrames = 0
  #isClosing = false

  constructor(
    admitted: Admitted,
    live: LiveExchanges,
    sides: { caller: Duplex; upstream: Duplex },
  ) {
    super(admitted)
    this.#live = live
    this.#caller = sides.caller
    this.#upstream = sides.upstream
    this.#fromCaller = new FrameFollower(admitted.routed.route.websocket?.maxMessage)
  }

  /** @param leftover - what the upstream said already. */
  join(leftover: Buffer): void {
    this.#live.enter(this)
    const [caller, upstream] = [this.#caller, this.#upstream]
    caller.on('data', (chunk: Buffer) => this.#callerSaid(chunk))
    upstream.on('data', (chunk: Buffer) => this.#upstreamSaid(chunk))
    upstream.on('drain', () => caller.resume())
    caller.on('drain', () => upstream.resume())
    this.#endTogether(caller, upstream)
    this.#endTogether(upstream, caller)
    if (leftover.length > 0) this.#upstreamSaid(leftover)
    caller.resume()
    if (!caller.writableNeedDrain) upstream.resume()
  }

  takeUse(): boolean {
    const { dataFrames } = this.#fromCaller
    const isUsed = dataFrames > this.#usedFrames
    this.#usedFrames = dataFrames
    return isUsed
  }

  /** A frame of ours goes out only between two others; else the connection is cut. */
  close(ending: Ending): void {
    this.#isClosing = true
    const reason = `gateway.${ending}`
    this.#finish(this.#upstream, this.#fromCaller, closeFrame(1001, reason, true))
    this.#finish(this.#caller, this.#fromUpstream, closeFrame(closeCodes[ending], reason, false))
  }

  #callerSaid(chunk: Buffer): void {
    if (this.#isClosing) return
    this.moved += chunk.length
    if (!this.#fromCaller.follow(chunk)) this.#live.refuseMessage(this)
    else if (!this.#upstream.write(chunk)) this.#caller.pause()
  }

  #upstreamSaid(chunk: Buffer): void {
    if (this.#isClosing) return
    this.moved += chunk.length
    this.#fromUpstream.follow(chunk)
    if (!this.#caller.write(chunk)) this.#upstream.pause()
  }

  #finish(side: Duplex, sent: FrameFollower, frame: Buffer): void {
    if (!sent.isBetweenFrames || side.writableEnded) {
      side.destroy()
      return
    }
    side.end(frame)
    // What still comes is read and dropped: unread bytes would turn the end into a reset.
    side.resume()
    setTimeout(() => side.destroy(), lingersFor).unref()
  }

  /** Half of a WebSocket is none: when a side ends, the other gets what is left and is closed. */
  #endTogether(side: Duplex, other: Duplex): void {
    side.on('error', () => side.destroy())
    side.once('end', () => {
      if (!other.writableEnded) other.end()
      setTimeout(() => {
        side.destroy()
        other.destroy()
      }, halfOpenFor).unref()
    })
    side.once('close', () => {
      this.#live.leave(this)
      if (!this.#isClosing) other.destroy()
    })
  }
}

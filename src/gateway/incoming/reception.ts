import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isRefusal } from '../../core/index.ts'
import type { Instant, Refusal } from '../../core/index.ts'
import { sendProblem } from '../../http/index.ts'
import { gatewayErrors } from '../errors.ts'
import type { GatewayParts } from '../gateway.ts'
import type { Incoming } from './incoming.ts'
import { runPipeline } from '../pipeline.ts'
import { canonicalAuthority, isMisdirected } from './authority.ts'
import { clientAddress } from './client-address.ts'
import { Life } from './life.ts'
import type { Peer } from './peer.ts'
import { checkFraming } from './screen.ts'
import type { FramingLimits } from './screen.ts'
import { parseTarget } from './target.ts'

/** One of our own surfaces on the public listener: sign-in and issuer, console. */
export interface Surface {
  serve(
    request: IncomingMessage,
    response: ServerResponse,
    origin: { requestId: string; address: string },
  ): Promise<void>
}

/** Finds the surface of ours that a host and canonical path belong to; `undefined` = an API's or nobody's. */
export type FindSurface = (authority: string, path: string) => Surface | undefined

/** What the server of a protocol says of a request. */
export type Arrived = Pick<
  Incoming,
  | 'request'
  | 'response'
  | 'protocol'
  | 'peer'
  | 'authority'
  | 'upgrade'
  | 'expectsContinue'
  | 'flaw'
>

const notYet = 0 as Instant

/** The runtime's own objects for one request, as our surfaces and Koa use them. */
export interface SurfacePair {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** Where requests of every protocol come together: each goes to a surface of ours or into the pipeline. */
export class Reception {
  readonly #parts: GatewayParts
  readonly #limits: FramingLimits
  readonly #findSurface: FindSurface

  constructor(options: { parts: GatewayParts; limits: FramingLimits; findSurface: FindSurface }) {
    this.#parts = options.parts
    this.#limits = options.limits
    this.#findSurface = options.findSurface
  }

  /** Names the request and finds out where it comes from. */
  arrive(arrived: Arrived): Incoming {
    const { request, peer } = arrived
    return {
      request,
      response: arrived.response,
      protocol: arrived.protocol,
      peer,
      authority: arrived.authority,
      upgrade: arrived.upgrade,
      expectsContinue: arrived.expectsContinue,
      flaw: arrived.flaw,
      requestId: randomUUID(),
      receivedAt: notYet,
      address: clientAddress(peer, request.headers, this.#parts.table()),
      method: request.method ?? '',
      life: new Life(),
    }
  }

  /**
   * Its turn has come.
   *
   * @param own - the pair for a surface of ours, when it is not the request and response themselves.
   */
  serve(incoming: Incoming, own?: () => SurfacePair): void {
    incoming.receivedAt = this.#parts.clock.now()
    const surface = this.#surfaceFor(incoming)
    if (surface !== undefined && incoming.upgrade === undefined) {
      this.#serveSurface(incoming, surface, own?.())
      return
    }
    runPipeline(incoming, this.#parts)
  }

  /**
   * Records the refusal of bytes that made no request.
   *
   * @returns the id under which it was recorded; never rejects.
   */
  async refuseBytes(refusal: Refusal, peer: Peer, method?: string): Promise<string> {
    const requestId = randomUUID()
    try {
      await this.#parts.audit.append({
        id: requestId,
        kind: 'decision',
        action: 'request',
        outcome: 'deny',
        reason: refusal.code,
        ...(refusal.detail === undefined ? {} : { detail: refusal.detail }),
        where: { address: peer.address },
        what: {
          configuration: this.#parts.table().version,
          ...(method === undefined ? {} : { method }),
        },
      })
    } catch (cause) {
      this.#parts.onError(cause, requestId)
    }
    return requestId
  }

  /** What is malformed or ambiguous is left to the pipeline, which refuses and records it. */
  #surfaceFor(incoming: Incoming): Surface | undefined {
    const { request, authority: host } = incoming
    const raw = request.url ?? ''
    const known = this.#findSurface(host, raw)
    // An API's host as it is written nearly always: there is no other form to look for.
    if (known === undefined && this.#parts.table().apis.has(host)) return undefined
    const surface = known ?? this.#findCanonical(host, raw)
    if (surface === undefined || isMisdirected(incoming)) return undefined
    const target = parseTarget(raw)
    if (isRefusal(target) || checkFraming(incoming, this.#limits) !== undefined) return undefined
    request.url = target.query === '' ? target.path : `${target.path}?${target.query}`
    return surface
  }

  #findCanonical(host: string, raw: string): Surface | undefined {
    for (const scheme of ['http', 'https'] as const) {
      const authority = canonicalAuthority(host, scheme)
      const surface = authority === undefined ? undefined : this.#findSurface(authority, raw)
      if (surface !== undefined) return surface
    }
    return undefined
  }

  #serveSurface(incoming: Incoming, surface: Surface, own: SurfacePair | undefined): void {
    const { requestId, address } = incoming
    if (incoming.expectsContinue) incoming.response.writeContinue()
    incoming.life.onBroken((refusal) => cutOff(incoming, refusal))
    // Over HTTP/1.1 they are the runtime's own objects, which our pages and Koa work with.
    const request = own?.request ?? (incoming.request as IncomingMessage)
    const response = own?.response ?? (incoming.response as ServerResponse)
    surface.serve(request, response, { requestId, address }).catch((error: unknown) => {
      this.#parts.onError(error, requestId)
      sendProblem(incoming.response, gatewayErrors.refuse('internal'), requestId)
    })
  }
}

/** Ends a request to a surface of ours whose bytes stopped being HTTP. */
function cutOff({ response, requestId }: Incoming, refusal: Refusal): void {
  if (response.headersSent) response.destroy()
  sendProblem(response, refusal, requestId, { connection: 'close' })
}

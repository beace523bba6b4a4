import { Readable } from 'node:stream'
import type { IncomingHttpHeaders } from 'node:http'
import { isRefusal } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import { gatewayErrors } from '../errors.ts'
import type { GatewayParts } from '../gateway.ts'
import type { CallerRequest, Incoming } from '../incoming/incoming.ts'
import type { Routed } from '../stages.ts'
import { claim, replayMark, takeKept } from './come-back.ts'
import type { KeptRequest } from './seal.ts'

/** Whether a request asks for what was kept to be sent in its place. */
export function asksForReplay({ incoming, target }: Routed): boolean {
  return incoming.method === 'POST' && target.query.startsWith(replayMark)
}

/**
 * The request that was kept, to be judged like any other: by the session and from the place of the one that
 * asks for it. A second asking finds nothing.
 */
export async function replayOf(
  { incoming, api, target }: Routed,
  parts: GatewayParts,
): Promise<Incoming | Refusal> {
  const { headers } = incoming.request
  const site = headers['sec-fetch-site']
  // Before anything is taken: another site must not be able to use it up.
  if (headers.origin !== api.origin || (site !== undefined && site !== 'same-origin')) {
    return gatewayErrors.refuse('cross_site')
  }
  const secret = target.query.slice(replayMark.length)
  const claimed = await claim(incoming, api, { parts, secret })
  if (isRefusal(claimed)) return claimed
  const { route, method } = claimed.stepUp
  const kept = await takeKept(claimed, parts)
  const [path] = kept?.target.split('?', 1) ?? []
  // Its page is shown under this address, so it is for this path.
  if (kept === undefined || path !== (incoming.request.url ?? '').split('?', 1)[0]) {
    return gatewayErrors.refuse('step_up_not_continued')
  }
  const isSameRoute = api.routes.find(method, target.path)?.id === route
  if (!isSameRoute) return gatewayErrors.refuse('step_up_not_continued')
  incoming.request.resume()
  return {
    ...incoming,
    method,
    expectsContinue: false,
    request: new Replayed(incoming.request, method, kept),
  }
}

const ofTheBody: ReadonlySet<string> = new Set([
  'content-type',
  'content-encoding',
  'content-length',
  'transfer-encoding',
  'expect',
])

/** Body and target as they were kept; everything else as the request says that asks for it. */
class Replayed extends Readable implements CallerRequest {
  readonly method: string
  url: string
  readonly httpVersionMajor: number
  readonly httpVersionMinor: number
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly rawTrailers: readonly string[] = []
  readonly complete = true
  #body: Buffer | undefined

  constructor(asking: CallerRequest, method: string, kept: KeptRequest) {
    super()
    this.method = method
    this.url = kept.target
    this.httpVersionMajor = asking.httpVersionMajor
    this.httpVersionMinor = asking.httpVersionMinor
    this.#body = kept.body
    const own = linesOf(kept)
    this.rawHeaders = [...linesBut(asking.rawHeaders), ...own.flat()]
    const others = Object.entries(asking.headers).filter(([name]) => !ofTheBody.has(name))
    this.headers = { ...Object.fromEntries(others), ...Object.fromEntries(own) }
  }

  override _read(): void {
    const body = this.#body
    this.#body = undefined
    if (body !== undefined && body.length > 0) this.push(body)
    this.push(null)
  }
}

function linesOf({ contentType, contentEncoding, body }: KeptRequest): [string, string][] {
  return [
    ...(contentType === undefined ? [] : [['content-type', contentType] as [string, string]]),
    ...(contentEncoding === undefined
      ? []
      : [['content-encoding', contentEncoding] as [string, string]]),
    ['content-length', String(body.length)],
  ]
}

function linesBut(lines: readonly string[]): string[] {
  const kept: string[] = []
  for (let at = 0; at < lines.length; at += 2) {
    const [name = '', value = ''] = lines.slice(at, at + 2)
    if (!ofTheBody.has(name.toLowerCase())) kept.push(name, value)
  }
  return kept
}

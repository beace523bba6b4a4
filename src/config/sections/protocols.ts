import type { Draft } from '../draft.ts'
import type { ConfiguredTarget, UpstreamProtocol } from '../model.ts'
import type { Path } from '../problems.ts'
import type { ApiShape } from '../schema.ts'
import { readWebSocket } from './live.ts'

export function readProtocol(
  draft: Draft,
  name: string,
  targets: readonly ConfiguredTarget[],
): UpstreamProtocol {
  const protocol = draft.shape.upstreams[name]?.protocol ?? 'http1'
  if (protocol === 'auto' && targets.some(({ scheme }) => scheme !== 'https')) {
    draft.report(['upstreams', name, 'protocol'], {
      code: 'config.upstream-protocol',
      message: 'found auto for a URL that is not https, expected http1 or h2',
      hint: 'Only TLS lets a service choose (ALPN); over http the protocol has to be known.',
    })
  }
  return protocol
}

/** A connection of HTTP/2 carries many requests, so none of them can take it for a WebSocket. */
export function checkWebSocketProtocol(draft: Draft, path: Path, api: ApiShape): void {
  for (const [index, route] of api.routes.entries()) {
    if (readWebSocket(route) === undefined) continue
    const split = route.split ?? api.split
    const names = split?.map(({ upstream }) => upstream) ?? [api.upstream]
    if (!names.some((name) => speaksOnlyHttp2(draft, name))) continue
    draft.report([...path, 'routes', index, 'websocket'], {
      code: 'config.upstream-protocol',
      message: 'found WebSocket towards an upstream with protocol h2, expected http1 or auto',
      hint: 'WebSockets are opened over HTTP/1.1: give the route an upstream that speaks it.',
    })
  }
}

function speaksOnlyHttp2({ shape: { upstreams } }: Draft, name: string): boolean {
  const shape = Object.hasOwn(upstreams, name) ? upstreams[name] : undefined
  return shape?.protocol === 'h2'
}

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Configuration } from '../config/index.ts'
import type { Surface } from '../gateway/index.ts'
import { send } from '../http/index.ts'
import { assetCacheControl, assetFor, consolePage, contentSecurityPolicy } from '../pages/index.ts'

/** A plain page that says where things are. */
export class ConsoleSurface implements Surface {
  readonly #configuration: () => Configuration

  constructor(configuration: () => Configuration) {
    this.#configuration = configuration
  }

  async serve(
    request: IncomingMessage,
    response: ServerResponse,
    origin: { requestId: string },
  ): Promise<void> {
    const { console: site, identity, apis } = this.#configuration()
    const url = new URL(request.url ?? '/', 'http://console.invalid')
    const path = url.pathname.slice(site.basePath.length)
    const common = { 'x-request-id': origin.requestId, 'referrer-policy': 'no-referrer' }
    const name = path.startsWith('/assets/') ? path.slice('/assets/'.length) : undefined
    const asset = name === undefined ? undefined : assetFor(name)
    if (name !== undefined && asset !== undefined) {
      send(response, 200, asset.body, {
        ...common,
        'content-type': asset.contentType,
        'cache-control': assetCacheControl(name, url.searchParams.get('v') ?? undefined),
        etag: asset.etag,
      })
      return
    }
    const links = [
      { text: 'Your account', address: `${identity.origin}${identity.basePath}/account` },
      ...apis.map((api) => ({ text: `API ${api.name}`, address: api.origin })),
    ]
    const isHome = path === '/' || path === ''
    send(response, isHome ? 200 : 404, consolePage({ base: site.basePath, links }), {
      ...common,
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': contentSecurityPolicy(),
      'x-frame-options': 'DENY',
    })
  }
}

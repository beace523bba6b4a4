import { isRefusal } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import { checkSameOrigin, readJsonObject } from '../http/index.ts'
import type { Handler, HttpExchange } from '../http/index.ts'
import type { IdentityParts } from './surface-parts.ts'

/** An endpoint for the scripts of our own pages: from our origin, with one JSON object. */
export function jsonHandler({
  settings,
}: Pick<IdentityParts, 'settings'>): (
  work: (exchange: HttpExchange, body: Record<string, unknown>) => Promise<Refusal | void>,
) => Handler {
  return (work) => async (exchange) => {
    const crossSite = checkSameOrigin(exchange.request, settings().origin)
    if (crossSite !== undefined) return crossSite
    const body = await readJsonObject(exchange.request)
    return isRefusal(body) ? body : work(exchange, body)
  }
}

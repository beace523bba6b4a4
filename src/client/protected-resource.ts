import { isJsonObject, ownProperty, parseJson } from '../core/index.ts'
import { failure } from './errors.ts'
import { printable } from './terminal.ts'
import { exchange, parseAddress } from './transport.ts'

/**
 * The audience of the API that serves a URL, as its host says it (RFC 9728); a host that says nothing is its
 * own. Invariant: a host can only name itself, so that it cannot ask for the tokens of another API
 * (RFC 9728 7.3).
 *
 * Rejects with Node's own error when the host does not answer.
 */
export async function audienceFor(url: URL): Promise<string> {
  const answer = await exchange({
    method: 'GET',
    url: new URL('/.well-known/oauth-protected-resource', url.origin),
  })
  if (answer.status === 404) return url.origin
  const metadata = parseJson(answer.text, { length: 1024 * 1024, depth: 16 })
  const resource = isJsonObject(metadata) ? ownProperty(metadata, 'resource') : undefined
  if (answer.status !== 200 || typeof resource !== 'string') {
    throw failure('audience_unknown', `${url.origin} does not say which API it is`)
  }
  if (parseAddress(resource)?.origin !== url.origin) {
    const claimed = printable(resource)
    throw failure('audience_mismatch', `${url.origin} says it is another API, ${claimed}`)
  }
  return resource
}

import { isIP } from 'node:net'
import { isRefusal } from '../core/index.ts'
import { explainRequest } from '../gateway/index.ts'
import { adminErrors } from './errors.ts'
import { optionalText } from './operation.ts'
import type { OperationTable } from './operation.ts'

/** Why a request would be let through or not. */
export const explainOperations: OperationTable = {
  'POST /v1/explain': async (parts, { body }) => {
    const method = optionalText(body, 'method')
    const address = optionalText(body, 'url')
    const username = optionalText(body, 'as')
    const source = optionalText(body, 'address')
    if (isRefusal(method)) return method
    if (isRefusal(address)) return address
    if (isRefusal(username)) return username
    if (isRefusal(source)) return source
    const url = address ?? ''
    if (!/^https?:\/\/[^/?#]/i.test(url)) {
      return adminErrors.refuse('input_malformed', 'url: an absolute URL')
    }
    if (source !== undefined && isIP(source) === 0) {
      return adminErrors.refuse('input_malformed', 'address: an IP address')
    }
    const person = username === undefined ? undefined : await parts.directory.require(username)
    if (isRefusal(person)) return person
    return explainRequest(parts.table(), {
      method: (method ?? 'GET').toUpperCase(),
      url,
      person,
      address: source ?? '127.0.0.1',
      now: parts.clock.now(),
    })
  },
}

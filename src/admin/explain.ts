import { isIP } from 'node:net'
import { isRefusal } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import { explainRequest } from '../gateway/index.ts'
import { adminErrors } from './errors.ts'
import { optionalText } from './operation.ts'
import type { OperationTable } from './operation.ts'

/** Why a request would be let through or not. */
export const explainOperations: OperationTable = {
  'POST /v1/explain': async (parts, { body }) => {
    const input = parseInput(body)
    if (isRefusal(input)) return input
    const { username, ...request } = input
    const person = username === undefined ? undefined : await parts.directory.require(username)
    if (isRefusal(person)) return person
    return explainRequest(parts.table(), { ...request, person, now: parts.clock.now() })
  },
}

function parseInput(
  body: Readonly<Record<string, unknown>>,
): { method: string; url: string; address: string; username: string | undefined } | Refusal {
  const found = ['method', 'url', 'address', 'as'].map((name) => optionalText(body, name))
  const refused = found.find(isRefusal)
  if (refused !== undefined) return refused
  const texts = found.filter((one): one is string | undefined => !isRefusal(one))
  const [method = 'GET', url = '', address = '127.0.0.1', username] = texts
  if (!/^https?:\/\/[^/?#]/i.test(url)) {
    return adminErrors.refuse('input_malformed', 'url: an absolute URL')
  }
  if (isIP(address) === 0) return adminErrors.refuse('input_malformed', 'address: an IP address')
  return { method: method.toUpperCase(), url, address, username }
}

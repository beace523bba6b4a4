import { isRefusal } from '../core/index.ts'
import { whatCan, whoCan } from '../analysis/index.ts'
import { adminErrors } from './errors.ts'
import { optionalText } from './operation.ts'
import type { OperationTable } from './operation.ts'

/** Questions about the policies in force. */
export const policyOperations: OperationTable = {
  'POST /v1/policy/who-can': async (parts, { body }) => {
    const method = optionalText(body, 'method')
    const url = optionalText(body, 'url')
    if (isRefusal(method)) return method
    if (isRefusal(url)) return url
    if (url === undefined || !/^https?:\/\/[^/?#]/i.test(url)) {
      return adminErrors.refuse(
        'input_malformed',
        `url: found ${url}, expected http://HOST/PATH or https://HOST/PATH`,
      )
    }
    const asked = { method: (method ?? 'GET').toUpperCase(), url }
    const people = await parts.people.list()
    return whoCan(parts.table(), asked, { people, now: parts.clock.now() })
  },
  'POST /v1/policy/what-can': async (parts, { body }) => {
    const username = optionalText(body, 'as')
    if (isRefusal(username)) return username
    const person = username === undefined ? undefined : await parts.directory.require(username)
    if (isRefusal(person)) return person
    return {
      caller: person?.username ?? 'anonymous',
      disabled: person?.disabled === true,
      routes: await whatCan(parts.table(), person, parts.clock.now()),
    }
  },
}

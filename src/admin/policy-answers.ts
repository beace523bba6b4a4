import { answersTo } from '../analysis/index.ts'
import type { TestedCall } from '../analysis/index.ts'
import { isRefusal } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import type { SupposedFacts } from '../analysis/index.ts'
import { adminErrors } from './errors.ts'
import type { OperationTable } from './operation.ts'

const most = { calls: 100, groups: 100, facts: 100, values: 100 }

/** What requests that nobody sent would be answered by the policies in force. */
export const policyAnswers: OperationTable = {
  'POST /v1/policy/answers': async (parts, { body }) => {
    const { calls } = body
    if (!Array.isArray(calls) || calls.length > most.calls) {
      return adminErrors.refuse('input_malformed', `calls: a list of at most ${most.calls}`)
    }
    const parsed = calls.map(parseCall)
    const refused = parsed.find(isRefusal)
    if (refused !== undefined) return refused
    const asked = parsed.filter((one): one is TestedCall => !isRefusal(one))
    return { answers: await answersTo(parts.table(), asked, parts.clock.now()) }
  },
}

function parseCall(value: unknown, index: number): TestedCall | Refusal {
  const refuse = (what: string): Refusal =>
    adminErrors.refuse('input_malformed', `calls[${index}].${what}`)
  if (!isRecord(value)) return refuse('not an object')
  const who = parseCaller(value['who'])
  const request = parseRequest(value['request'])
  const facts = value['facts'] ?? {}
  const at = value['at']
  if (who === false) return refuse('who: a username, groups and a role')
  if (request === undefined) return refuse('request: a method with a URL, or an API and a path')
  if (!isFacts(facts)) return refuse('facts: condition keys with texts')
  if (at !== undefined && !Number.isSafeInteger(at)) return refuse('at: milliseconds')
  return { who, request, facts, at: at as number | undefined }
}

function parseCaller(value: unknown): TestedCall['who'] | false {
  if (value === undefined) return undefined
  if (!isRecord(value)) return false
  const { username, groups, role } = value
  if (typeof username !== 'string' || !isTexts(groups, most.groups)) return false
  return role === undefined || typeof role === 'string' ? { username, groups, role } : false
}

function parseRequest(value: unknown): TestedCall['request'] | undefined {
  if (!isRecord(value)) return undefined
  const { method, url, api, path } = value
  if (typeof method !== 'string') return undefined
  if (typeof url === 'string') return { method, url }
  return typeof api === 'string' && typeof path === 'string' ? { method, api, path } : undefined
}

function isFacts(value: unknown): value is SupposedFacts {
  return (
    isRecord(value) &&
    Object.keys(value).length <= most.facts &&
    Object.values(value).every((one) => typeof one === 'string' || isTexts(one, most.values))
  )
}

function isTexts(value: unknown, longest: number): value is readonly string[] {
  return (
    Array.isArray(value) && value.length <= longest && value.every((one) => typeof one === 'string')
  )
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

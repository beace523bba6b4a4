import { parseJson } from '../core/index.ts'
import { compilePolicies, parsePolicyDocument } from '../policy/index.ts'
import type { CompiledPolicies } from '../policy/index.ts'

const limits = { length: 4096, depth: 8 }

/** Reads the session policy that a token carries; `undefined` when it is none. */
export function readSessionPolicy(text: string): CompiledPolicies | undefined {
  const parsed = parse(text)
  if (parsed === undefined || 'problems' in parsed) return undefined
  return compilePolicies([{ name: 'session_policy', document: parsed.document }])
}

/** What is wrong with a document that is to be a session policy, if anything is. */
export function checkSessionPolicy(text: string): string | undefined {
  const parsed = parse(text)
  if (parsed === undefined) return 'it is no JSON, or holds a member twice'
  if ('document' in parsed) return undefined
  const [first] = parsed.problems
  return first === undefined ? 'it is no policy' : `${first.pointer} ${first.message}`.trim()
}

function parse(text: string): ReturnType<typeof parsePolicyDocument> | undefined {
  const value = parseJson(text, limits)
  return value === undefined ? undefined : parsePolicyDocument(value, 'session')
}

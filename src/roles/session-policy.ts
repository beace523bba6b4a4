import { parseJson } from '../core/index.ts'
import { compilePolicies, parsePolicyDocument } from '../policy/index.ts'
import type { CompiledPolicies } from '../policy/index.ts'

const limits = { length: 4096, depth: 8 }

/** Reads the session policy that a token carries; `undefined` when it is none. */
export function readSessionPolicy(text: string): CompiledPolicies | undefined {
  const value = parseJson(text, limits)
  if (value === undefined) return undefined
  const parsed = parsePolicyDocument(value, 'session')
  if ('problems' in parsed) return undefined
  return compilePolicies([{ name: 'session_policy', document: parsed.document }])
}

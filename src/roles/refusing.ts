import { invariant } from '../core/index.ts'
import { compilePolicies, parsePolicyDocument } from '../policy/index.ts'
import type { CompiledPolicies } from '../policy/index.ts'

/** A policy that denies everything, by which decisions say why: its name and the Sid of its statement. */
export function refusingAll(name: string, sid: string): CompiledPolicies {
  const statement = { Sid: sid, Effect: 'Deny', Action: '*', Resource: '*' }
  const parsed = parsePolicyDocument({ Version: '2012-10-17', Statement: statement }, 'identity')
  invariant('document' in parsed, 'a policy that denies everything is sound')
  return compilePolicies([{ name, document: parsed.document }])
}

import assert from 'node:assert/strict'

import { compilePolicies, evaluate, nobody, parsePolicyDocument } from '../../src/policy/index.ts'
import type {
  CompiledPolicies,
  ContextLookup,
  Decision,
  PolicyDocument,
  PolicyProblem,
  PolicyRequest,
} from '../../src/policy/index.ts'

export type Facts = Readonly<Record<string, string | readonly string[]>>

export const orders = 'arn:aws:execute-api:local:000000000000:orders/live'
export const everything = { Effect: 'Allow', Action: '*', Resource: '*' }

export function context(facts: Facts = {}): ContextLookup {
  const known = new Map(Object.entries(facts).map(([key, value]) => [key.toLowerCase(), value]))
  return (key) => known.get(key)
}

export function requestFor(change: Partial<PolicyRequest> = {}): PolicyRequest {
  return {
    action: 'execute-api:Invoke',
    resource: `${orders}/GET/orders/1`,
    resourcePolicy: undefined,
    sameAccount: true,
    principal: nobody,
    context: context(),
    ...change,
  }
}

export function documentOf(statements: unknown, version = '2012-10-17'): PolicyDocument {
  const result = parsePolicyDocument({ Version: version, Statement: statements }, 'identity')
  if ('problems' in result) assert.fail(JSON.stringify(result.problems))
  return result.document
}

export function problemsOf(value: unknown): readonly PolicyProblem[] {
  const result = parsePolicyDocument(value, 'identity')
  return 'problems' in result ? result.problems : []
}

export function compiled(...statements: readonly unknown[]): CompiledPolicies {
  return compilePolicies([{ name: 'test', document: documentOf(statements) }])
}

export function decide(statements: readonly unknown[], request = requestFor()): Decision {
  return evaluate(compiled(...statements), request)
}

/** Whether an Allow with this condition block applies to a request with these facts. */
export function holds(condition: unknown, facts: Facts = {}): boolean {
  const allow = { ...everything, Condition: condition }
  const decision = decide([allow], requestFor({ context: context(facts) }))
  assert.notEqual(decision.reason, 'policy.evaluation_failed')
  return decision.effect === 'allow'
}

/** Whether a resource pattern selects a resource. */
export function selects(pattern: string, resource: string, facts: Facts = {}): boolean {
  const allow = { Effect: 'Allow', Action: '*', Resource: pattern }
  return decide([allow], requestFor({ resource, context: context(facts) })).effect === 'allow'
}

/** Deciding by policy: `node bench/micro/policy.ts` */
import { compilePolicies, evaluate, nobody, parsePolicyDocument } from '../../src/policy/index.ts'
import type { CompiledPolicies, PolicyRequest } from '../../src/policy/index.ts'
import { measureMicros } from './measure.ts'
import type { Micro } from './measure.ts'

const STATEMENTS_PER_DOCUMENT = 60
const ARN = 'arn:aws:execute-api:local:000000000000:orders/default'
const allowed = { Effect: 'Allow', Action: 'execute-api:Invoke', Resource: `${ARN}/GET/orders/*` }

function compile(statements: readonly object[]): CompiledPolicies {
  const sources = []
  for (let from = 0; from < statements.length; from += STATEMENTS_PER_DOCUMENT) {
    const Statement = statements.slice(from, from + STATEMENTS_PER_DOCUMENT)
    const parsed = parsePolicyDocument({ Version: '2012-10-17', Statement }, 'identity')
    if ('problems' in parsed) throw new Error(parsed.problems[0]?.message)
    sources.push({ name: `policy-${from}`, document: parsed.document })
  }
  return compilePolicies(sources)
}

/** Statements that do not apply, and at the end one that does. */
function many(count: number, resource: (index: number) => string): readonly object[] {
  const others = Array.from({ length: count }, (_, index) => ({
    ...allowed,
    Resource: resource(index),
  }))
  return [...others, allowed]
}

const request: PolicyRequest = {
  action: 'execute-api:Invoke',
  resource: `${ARN}/GET/orders/4711`,
  resourcePolicy: undefined,
  sameAccount: true,
  principal: nobody,
  context: (key) => (key === 'aws:sourceip' ? '192.0.2.7' : undefined),
}

function deciding(
  name: string,
  statements: readonly object[],
  effect: 'allow' | 'deny' = 'allow',
): Micro {
  const policies = compile(statements)
  return {
    name,
    run: (count) => {
      for (let done = 0; done < count; done += 1) {
        if (evaluate(policies, request).effect !== effect)
          throw new Error(`${name} is not ${effect}`)
      }
    },
  }
}

const inNetwork = { IpAddress: { 'aws:SourceIp': '192.0.2.0/24' } }
const elsewhere = (index: number): string => `${ARN}/GET/x${index}/*`

await measureMicros('policy', [
  deciding('one statement that allows', [allowed]),
  deciding('one that allows from a network', [{ ...allowed, Condition: inNetwork }]),
  deciding('one that denies, one that allows', [allowed, { ...allowed, Effect: 'Deny' }], 'deny'),
  deciding('none that applies', [{ ...allowed, Resource: elsewhere(1) }], 'deny'),
  deciding('100 others first', many(100, elsewhere)),
  deciding('1000 others first', many(1000, elsewhere)),
  deciding('10000 others first', many(10_000, elsewhere)),
  deciding(
    '1000 others first, with a leading wildcard',
    many(1000, (index) => `arn:aws:execute-api:*:*:*/x${index}`),
  ),
])

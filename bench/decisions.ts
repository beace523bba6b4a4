/**
 * What a decision costs: by how many statements there are, with and without conditions, and for how many
 * principals; beside it the naive evaluator of the tests. `node bench/decisions.ts [--json FILE]`
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import {
  authorityOf,
  compilePolicies,
  decide,
  nobody,
  parsePolicyDocument,
} from '../src/policy/index.ts'
import type { Authority, CompiledPolicies, PolicyRequest } from '../src/policy/index.ts'
import { referenceVerdict } from '../test/policy/reference/evaluator.ts'
import type { ReferenceDocument, ReferenceStatement } from '../test/policy/reference/evaluator.ts'
import { watchMachine } from './machine.ts'
import { costsOf } from './micro/measure.ts'
import type { Costs, Micro } from './micro/measure.ts'
import { median, round } from './report.ts'

const ACTION = 'execute-api:Invoke'
const ARN = 'arn:aws:execute-api:local:000000000000:orders/default'
const STATEMENTS_PER_DOCUMENT = 25
const SIZES = [1, 10, 100, 1000, 10_000]
/** Above this one naive decision takes a tenth of a second. */
const LARGEST_NAIVE = 1000
const PRINCIPALS = [10, 10_000]
/** Requests take turns, so that none is the only one that was ever decided on. */
const REQUESTS = 64

const condition = {
  IpAddress: { 'aws:SourceIp': ['192.0.2.0/24', '2001:db8::/32'] },
  NumericLessThanEquals: { 'proofgate:AuthAge': ['600'] },
  Bool: { 'proofgate:UserVerified': ['true'] },
}
const facts: ReadonlyMap<string, string> = new Map([
  ['aws:sourceip', '192.0.2.7'],
  ['proofgate:authage', '30'],
  ['proofgate:userverified', 'true'],
])

function statementFor(resource: string, hasConditions: boolean): ReferenceStatement {
  return {
    Effect: 'Allow',
    Action: [ACTION],
    Resource: [`${ARN}/${resource}`],
    ...(hasConditions ? { Condition: condition } : {}),
  }
}

/** So many statements, of which the last is the one that applies. */
function documentsOf(size: number, hasConditions: boolean): readonly ReferenceDocument[] {
  const statements = Array.from({ length: size }, (_, index) =>
    statementFor(index === size - 1 ? 'GET/orders/*' : `GET/x${index}/*`, hasConditions),
  )
  return Array.from({ length: Math.ceil(size / STATEMENTS_PER_DOCUMENT) }, (_, index) => {
    const from = index * STATEMENTS_PER_DOCUMENT
    return {
      Version: '2012-10-17',
      Statement: statements.slice(from, from + STATEMENTS_PER_DOCUMENT),
    }
  })
}

function compile(documents: readonly ReferenceDocument[]): CompiledPolicies {
  const compiled = compilePolicies(
    documents.map((written, index) => {
      const parsed = parsePolicyDocument(written, 'identity')
      if ('problems' in parsed) throw new Error(parsed.problems[0]?.message)
      return { name: `policy-${index}`, document: parsed.document }
    }),
  )
  compiled.allows.prepare(ACTION.toLowerCase())
  return compiled
}

const resources = Array.from(
  { length: REQUESTS },
  (_, index) => `${ARN}/GET/orders/${4711 + index}`,
)
const requests = resources.map((resource): PolicyRequest => ({
  action: ACTION,
  resource,
  resourcePolicy: undefined,
  sameAccount: true,
  principal: nobody,
  context: (key) => facts.get(key),
}))

function deciding(name: string, authorities: readonly Authority[]): Micro {
  let turn = 0
  return {
    name,
    run: (count) => {
      for (let done = 0; done < count; done += 1) {
        turn += 1
        const authority = authorities[turn % authorities.length]!
        if (decide(authority, requests[turn % REQUESTS]!).effect !== 'allow')
          throw new Error(`${name} is not allowed`)
      }
    },
  }
}

function naively(name: string, identity: readonly ReferenceDocument[]): Micro {
  const asked = {
    identity,
    boundary: undefined,
    session: [],
    resource: undefined,
    caller: undefined,
  }
  let turn = 0
  return {
    name,
    run: (count) => {
      for (let done = 0; done < count; done += 1) {
        turn += 1
        const resourceArn = resources[turn % REQUESTS]!
        const verdict = referenceVerdict({
          ...asked,
          sameAccount: true,
          action: ACTION,
          resourceArn,
          facts,
        })
        if (verdict !== 'allowed') throw new Error(`${name} is ${verdict}`)
      }
    },
  }
}

/** In an order in which neighbours are far apart, with so many sets of ten statements. */
function principalsOf(count: number, sets: number): readonly Authority[] {
  const policies = Array.from({ length: sets }, () => compile(documentsOf(10, false)))
  const made = Array.from({ length: count }, (_, index) => authorityOf(policies[index % sets]!))
  return made.map((_, index) => made[(index * 6_181) % count]!)
}

interface Row {
  readonly name: string
  readonly decisionsPerSecond: number
  readonly cpuMicros: number
  readonly allocatedBytes: number
}

function rowOf([name, { cpuMicros, allocatedBytes }]: readonly [string, Costs]): Row {
  const micros = median(cpuMicros)
  return {
    name,
    decisionsPerSecond: Math.round(1_000_000 / micros),
    cpuMicros: round(micros, 3),
    allocatedBytes: Math.round(median(allocatedBytes)),
  }
}

function plural(count: number): string {
  return count === 1 ? '1 statement' : `${count} statements`
}

const { values } = parseArgs({ options: { json: { type: 'string' } } })
const machine = watchMachine()
const micros = [
  ...SIZES.flatMap((size) =>
    [false, true].map((hasConditions) =>
      deciding(`${plural(size)}${hasConditions ? ' with conditions' : ''}`, [
        authorityOf(compile(documentsOf(size, hasConditions))),
      ]),
    ),
  ),
  ...PRINCIPALS.flatMap((count) => [
    deciding(`${count} principals of 10 groups`, principalsOf(count, 10)),
    deciding(`${count} principals with policies of their own`, principalsOf(count, count)),
  ]),
  ...SIZES.filter((size) => size <= LARGEST_NAIVE).map((size) =>
    naively(`${plural(size)}, naive evaluator`, documentsOf(size, false)),
  ),
]
const rows = [...(await costsOf(micros))].map(rowOf)
const width = Math.max(...rows.map(({ name }) => name.length))
console.log(
  `${'decision'.padEnd(width)} ${'decisions/s'.padStart(12)} ${'CPU us'.padStart(10)} ${'bytes'.padStart(9)}`,
)
for (const { name, decisionsPerSecond, cpuMicros, allocatedBytes } of rows) {
  const figures = [
    String(decisionsPerSecond).padStart(12),
    cpuMicros.toFixed(2).padStart(10),
    String(allocatedBytes).padStart(9),
  ]
  console.log(`${name.padEnd(width)} ${figures.join(' ')}`)
}
if (values.json !== undefined) {
  writeFileSync(
    values.json,
    `${JSON.stringify({ machine: machine(), decisions: rows }, null, 2)}\n`,
  )
}

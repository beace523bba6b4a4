import * as fc from 'fast-check'
import type { ReferenceCase, ReferenceDocument, ReferenceStatement } from './evaluator.ts'
import { account, callers, families, names } from './families.ts'

const allKeys = families.flatMap(({ keys }) => keys)

function facts(): fc.Arbitrary<readonly (readonly [string, string | readonly string[]])[]> {
  const entries = families.flatMap(({ keys, found, wrong }) =>
    keys.map((key) => {
      const value = fc.oneof(
        { weight: 12, arbitrary: fc.constantFrom(...found) },
        { weight: wrong.length === 0 ? 0 : 1, arbitrary: fc.constantFrom('', ...wrong) },
      )
      const several = fc.array(value, { maxLength: 3 })
      const fact = names.includes(key) ? value : fc.oneof({ weight: 3, arbitrary: value }, several)
      const spelled = fc.constantFrom(key, key, key.toUpperCase())
      return fc.option(fc.tuple(spelled, fact), { freq: 4, nil: undefined })
    }),
  )
  return fc.tuple(...entries).map((found) => found.filter((entry) => entry !== undefined))
}

function some<Value>(...values: readonly Value[]): fc.Arbitrary<readonly Value[]> {
  return fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...values).map((value) => [value]) },
    {
      weight: 1,
      arbitrary: fc.uniqueArray(fc.constantFrom(...values), { minLength: 2, maxLength: 3 }),
    },
  )
}

const quantifiers = ['', '', '', 'ForAllValues:', 'ForAnyValue:']

function oneCondition(): fc.Arbitrary<readonly [string, string, readonly string[]]> {
  const anyKey = fc.constantFrom(...allKeys, 'x:Absent')
  const isNull = fc.tuple(fc.constant('Null'), anyKey, some('true', 'false'))
  const others = families.map(({ operators, keys, wanted }) => {
    const name = fc.tuple(
      fc.constantFrom(...quantifiers),
      fc.constantFrom(...operators),
      fc.constantFrom('', '', 'IfExists'),
    )
    const arbitrary = fc.tuple(
      name.map((parts) => parts.join('')),
      fc.constantFrom(...keys),
      some(...wanted),
    )
    return { weight: operators.length, arbitrary }
  })
  return fc.oneof({ weight: 1, arbitrary: isNull }, ...others)
}

/** Operators that meet in one block each keep all their keys. */
const condition = fc.array(oneCondition(), { maxLength: 2 }).map((found) => {
  const block: Record<string, Record<string, readonly string[]>> = {}
  for (const [operator, key, wanted] of found)
    block[operator] = { ...block[operator], [key]: wanted }
  return block
})

const s3 = 'arn:aws:s3:::reports'
const api = 'arn:aws:execute-api:eu:1:orders'
const actions = ['s3:GetObject', 'S3:getobject', 's3:PutObject', 'execute-api:Invoke']
const resources = [
  `${s3}/alice`,
  `${s3}/*`,
  `${s3}/ops/1`,
  `${api}/live/GET/x`,
  `${api}2/live/DELETE/x:orders/live/GET/y`,
  '*',
]
const actionPatterns = [
  '*',
  '*',
  's3:*',
  's3:Get*',
  'S3:?ETOBJECT',
  's3:PutObject',
  '*:*',
  'execute-api:Invoke',
]
const resourcePatterns = [
  '*',
  '*',
  `${s3}/*`,
  `${s3}/\${aws:username}`,
  `${s3}/?????`,
  `${s3}/al*lice`,
  `${s3}/\${x:Team, 'ops'}/*`,
  `${s3}/\${*}`,

  'arn:*:s3:::reports/*',
  'arn:aws:s3:*',
  'arn:aws:execute-api:*:*:orders/live/GET/*',
  `${api}*`,
]
const principals: readonly ReferenceStatement['Principal'][] = [
  '*',
  ...Object.values(callers).map((arn) => ({ AWS: [arn] })),
  { AWS: [account] },
  { AWS: [`arn:aws:iam::${account}:root`, callers.federated] },
  { AWS: ['*'] },
  { Service: ['ec2.amazonaws.com'] },
  { AWS: ['222222222222'], Federated: ['https://idp.example'] },
]

/** An element as it is, or its `Not` form, which seldom selects nothing. */
function element(name: string, patterns: readonly string[]): fc.Arbitrary<object> {
  return fc.oneof(
    { weight: 6, arbitrary: some(...patterns).map((values) => ({ [name]: values })) },
    { weight: 1, arbitrary: some(...patterns).map((values) => ({ [`Not${name}`]: values })) },
  )
}

function statement(hasPrincipal: boolean): fc.Arbitrary<ReferenceStatement> {
  return fc
    .tuple(
      fc.constantFrom('Allow', 'Allow', 'Allow', 'Allow', 'Allow', 'Deny'),
      hasPrincipal
        ? fc.constantFrom(...principals).map((Principal) => ({ Principal }))
        : fc.constant({}),
      element('Action', actionPatterns),
      element('Resource', resourcePatterns),
      fc.option(condition, { freq: 2, nil: {} }),
    )
    .map(([Effect, principal, action, resource, block]) => {
      const Condition = Object.keys(block).length === 0 ? {} : { Condition: block }
      return { Effect, ...principal, ...action, ...resource, ...Condition }
    })
}

/** Longer lists are looked up in tables. */
function document(hasPrincipal: boolean): fc.Arbitrary<ReferenceDocument> {
  const one = statement(hasPrincipal)
  const several = fc.oneof(
    { weight: 20, arbitrary: fc.array(one, { minLength: 1, maxLength: 3 }) },
    { weight: 1, arbitrary: fc.array(one, { minLength: 20, maxLength: 40 }) },
  )
  const version = fc.constantFrom('2012-10-17', '2012-10-17', '2012-10-17', '2008-10-17', undefined)
  return fc.tuple(version, several).map(([Version, Statement]) => ({
    ...(Version === undefined ? {} : { Version }),
    Statement,
  }))
}

/** A case with the facts as `ContextEntries` spells them. */
export interface MadeCase extends ReferenceCase {
  readonly entries: readonly (readonly [string, string | readonly string[]])[]
}

function withFacts<Case extends Omit<MadeCase, 'facts'>>(made: Case): Case & MadeCase {
  const facts = new Map(made.entries.map(([key, fact]) => [key.toLowerCase(), fact]))
  return { ...made, facts }
}

/** Requests of everybody, within the account and across, with every kind of policy. */
export const cases: fc.Arbitrary<MadeCase> = fc
  .record({
    identity: fc.array(document(false), { maxLength: 3 }),
    boundary: fc.option(document(false), { freq: 2, nil: undefined }),
    session: fc.oneof(
      fc.constant([]),
      fc.constant([]),
      fc.array(document(false), { maxLength: 2 }),
    ),
    resource: fc.option(document(true), { freq: 3, nil: undefined }),
    caller: fc.constantFrom(...Object.values(callers)),
    sameAccount: fc.constantFrom(true, true, false),
    action: fc.constantFrom(...actions),
    resourceArn: fc.constantFrom(...resources),
    entries: facts(),
  })
  .map(withFacts)

/** Patterns of which few match: in long lists they are looked up by their words and beginnings. */
const narrowPatterns = [
  `${s3}/al*`,
  `${s3}/alice`,
  `${s3}/a?ice`,
  `${s3}/ops/*`,
  `${s3}/o*/1`,
  `${s3}/b*`,
  'arn:aws:s3:::rep*',
  'arn:aws:s3:::other/*',
  'arn:aws:s3:*:ops/1',
  `${api}/live/GET/*`,
  `${api}/l*`,
  `${api}/test/*`,
  'arn:aws:execute-api:e*:1:orders/live/GET/x',
]

const narrowStatement: fc.Arbitrary<ReferenceStatement> = fc
  .tuple(
    fc.constantFrom('Allow', 'Allow', 'Allow', 'Allow', 'Allow', 'Allow', 'Allow', 'Deny'),
    some('s3:GetObject', 's3:Put*', 'execute-api:*', 'ec2:*'),
    some(...narrowPatterns),
    fc.option(condition, { freq: 5, nil: {} }),
  )
  .map(([Effect, Action, Resource, Condition]) => ({ Effect, Action, Resource, Condition }))

/** One long policy, of which little is about the request. */
export const longCases: fc.Arbitrary<MadeCase> = fc
  .record({
    Statement: fc.array(narrowStatement, { minLength: 20, maxLength: 30 }),
    action: fc.constantFrom(...actions),
    resourceArn: fc.constantFrom(...resources),
    entries: facts(),
  })
  .map(({ Statement, ...asked }) => {
    const identity = [{ Version: '2012-10-17', Statement }]
    const others = { boundary: undefined, session: [], resource: undefined }
    return withFacts({ ...asked, ...others, identity, caller: undefined, sameAccount: true })
  })

/** Everything is allowed under one condition. */
export const conditionCases: fc.Arbitrary<MadeCase & { readonly operator: string }> = fc
  .record({ found: oneCondition(), entries: facts() })
  .map(({ found: [operator, key, wanted], entries }) =>
    withFacts({
      operator,
      identity: [
        {
          Version: '2012-10-17',
          Statement: [
            {
              Effect: 'Allow',
              Action: ['*'],
              Resource: ['*'],
              Condition: { [operator]: { [key]: wanted } },
            },
          ],
        },
      ],
      boundary: undefined,
      session: [],
      resource: undefined,
      caller: undefined,
      sameAccount: true,
      action: 's3:GetObject',
      resourceArn: '*',
      entries,
    }),
  )

/** Every operator by itself. */
export const operators: readonly string[] = [
  'Null',
  ...families.flatMap((family) => family.operators),
]

import assert from 'node:assert/strict'
import { millis } from '../../src/core/index.ts'
import {
  compilePolicies,
  decide,
  parsePolicyDocument,
  UnknownFactError,
} from '../../src/policy/index.ts'
import type { CompiledPolicies, ContextLookup, PolicyKind } from '../../src/policy/index.ts'
import { Mandates, roleArn } from '../../src/roles/index.ts'
import type { Candidate, Holder, Mandate, Restriction, Role } from '../../src/roles/index.ts'
import { requestFor } from '../policy/kit.ts'
import type { Facts } from '../policy/kit.ts'

export const account = '000000000000'

export function policiesOf(
  kind: PolicyKind,
  name: string,
  ...Statement: unknown[]
): CompiledPolicies {
  const parsed = parsePolicyDocument({ Version: '2012-10-17', Statement }, kind)
  assert.ok('document' in parsed, JSON.stringify(parsed))
  return compilePolicies([{ name, document: parsed.document }])
}

/** May be asked for `x:NAME`. */
export const can = (name: string, Effect = 'Allow'): object => ({
  Effect,
  Action: `x:${name}`,
  Resource: '*',
})

export const trusting = (
  Condition?: object,
  Effect = 'Allow',
  Action: unknown = 'sts:AssumeRole',
) => ({
  Effect,
  Principal: '*',
  Action,
  ...(Condition === undefined ? {} : { Condition }),
})

export function roleOf(name: string, trust: readonly unknown[], more: Partial<Role> = {}): Role {
  return {
    name,
    arn: roleArn(account, name),
    description: '',
    trust: policiesOf('trust', `roles.${name}.trust`, ...trust),
    identity: policiesOf('identity', name, can(name)),
    boundary: undefined,
    automatic: true,
    maximumSession: millis(3_600_000),
    tags: new Map(),
    ...more,
  }
}

export const ann = {
  arn: `arn:aws:iam::${account}:user/ann`,
  role: undefined,
  account,
  federated: undefined,
}

/** Facts of `known` do not change; all of `facts` come with a request. */
export interface Somebody {
  readonly known?: Facts
  readonly facts?: Facts
  readonly external?: boolean
  readonly attached?: Partial<Holder['attached']>
  readonly credential?: string
  readonly role?: string
  readonly sessionPolicy?: string
}

function lookup(facts: Facts, isKnown: (key: string) => boolean): ContextLookup {
  const found = new Map(Object.entries(facts))
  return (key) => {
    if (!isKnown(key)) throw new UnknownFactError(key)
    return found.get(key)
  }
}

export function candidateOf(one: Somebody, isWhole: boolean): Candidate {
  const facts = { ...one.known, ...one.facts }
  return {
    action: one.external === true ? 'sts:AssumeRoleWithWebIdentity' : 'sts:AssumeRole',
    principal: ann,
    context: lookup(facts, (key) => isWhole || key.startsWith('k:')),
  }
}

let others = 0

export function mandateOf(mandates: Mandates, one: Somebody = {}): Mandate {
  const { role, sessionPolicy } = one
  const isPlain = role === undefined && sessionPolicy === undefined
  return mandates.of({
    attached: {
      key: one.attached === undefined ? 'own' : `own ${(others += 1)}`,
      identity: policiesOf('identity', 'own', can('Own')),
      boundary: undefined,
      ...one.attached,
    },
    known: candidateOf(one, false),
    credential: one.credential,
    taken: isPlain ? undefined : { role, sessionPolicy },
  })
}

/** What somebody may do of a list of things, as they are asked for at once; `lost` without their role. */
export function allowed(
  mandates: Mandates,
  one: Somebody,
  things: readonly string[],
  now = 0,
): string {
  const mandate = mandateOf(mandates, one)
  const { pending } = mandate
  const authority =
    pending === undefined ? mandate.authority : pending.authorityFor(candidateOf(one, true), now)
  if (authority === undefined) return 'lost'
  return things
    .filter(
      (name) =>
        decide(authority, requestFor({ action: `x:${name}`, principal: ann })).effect === 'allow',
    )
    .join(' ')
}

export function mandatesOf(
  roles: readonly Role[],
  restrictions: Readonly<Record<string, Restriction>> = {},
): Mandates {
  return new Mandates({ roles, restrictions: new Map(Object.entries(restrictions)) })
}

import type { ReferenceCase, ReferenceDocument, ReferenceStatement, Verdict } from './evaluator.ts'
import { referenceVerdict } from './evaluator.ts'

/** A request of the simulation, as far as vectors use it. */
interface Request {
  readonly PolicyInputList?: readonly unknown[]
  readonly PermissionsBoundaryPolicyInputList?: readonly unknown[]
  readonly SessionPolicyInputList?: readonly unknown[]
  readonly ResourcePolicy?: unknown
  readonly CallerArn?: string
  readonly ResourceOwner?: string
  readonly ActionNames: readonly string[]
  readonly ResourceArns?: readonly string[]
  readonly ContextEntries?: readonly {
    readonly ContextKeyName: string
    readonly ContextKeyType: string
    readonly ContextKeyValues: readonly string[]
  }[]
}

/** What the reference decides for each action and resource of a request that is sound. */
export function decisionsOf(request: object): readonly Verdict[] {
  const asked = request as Request
  const { ActionNames, ResourceArns = [] } = asked
  const resources = ResourceArns.length === 0 ? ['*'] : ResourceArns
  return ActionNames.flatMap((action) =>
    resources.map((resourceArn) =>
      referenceVerdict({ ...policiesOf(asked), action, resourceArn, facts: factsOf(asked) }),
    ),
  )
}

function policiesOf(asked: Request): Omit<ReferenceCase, 'action' | 'resourceArn' | 'facts'> {
  const { CallerArn: caller, ResourceOwner: owner, ResourcePolicy } = asked
  const [boundary] = asked.PermissionsBoundaryPolicyInputList ?? []
  return {
    identity: (asked.PolicyInputList ?? []).map(documentOf),
    boundary: boundary === undefined ? undefined : documentOf(boundary),
    session: (asked.SessionPolicyInputList ?? []).map(documentOf),
    resource: ResourcePolicy === undefined ? undefined : documentOf(ResourcePolicy),
    caller,
    sameAccount: owner === undefined || caller?.split(':')[4] === owner.match(/\d{12}/)?.[0],
  }
}

function factsOf({ ContextEntries = [] }: Request): ReferenceCase['facts'] {
  return new Map(
    ContextEntries.map(({ ContextKeyName, ContextKeyType, ContextKeyValues }) => {
      const [first = ''] = ContextKeyValues
      const fact = ContextKeyType.endsWith('List') ? ContextKeyValues : first
      return [ContextKeyName.toLowerCase(), fact]
    }),
  )
}

function documentOf(written: unknown): ReferenceDocument {
  const document = (typeof written === 'string' ? JSON.parse(written) : written) as {
    readonly Version?: string
    readonly Statement: unknown
  }
  return { ...document, Statement: listOf(document.Statement).map(statementOf) }
}

/** The same with lists where it has single values. */
function statementOf(written: unknown): ReferenceStatement {
  const lists = ['Action', 'NotAction', 'Resource', 'NotResource']
  const members = Object.entries(written as Record<string, unknown>).map(([name, value]) => {
    if (lists.includes(name)) return [name, listOf(value)]
    if (name === 'Condition') return [name, mapOf(value, (keys) => mapOf(keys, textsOf))]
    return [name, name === 'Principal' && value !== '*' ? mapOf(value, textsOf) : value]
  })
  return Object.fromEntries(members) as ReferenceStatement
}

function mapOf(value: unknown, change: (member: unknown) => unknown): unknown {
  return Object.fromEntries(
    Object.entries(value as object).map(([name, member]) => [name, change(member)]),
  )
}

function textsOf(value: unknown): readonly string[] {
  return listOf(value).map(String)
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value]
}

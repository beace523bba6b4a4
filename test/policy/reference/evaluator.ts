import { conditionHolds, signsOf } from './conditions.ts'
import type { Facts } from './conditions.ts'
import { arnParts, spells, WrongType } from './values.ts'

/** A statement as a document writes it, with its lists written as lists. */
export interface ReferenceStatement {
  readonly Effect: 'Allow' | 'Deny'
  readonly Principal?: '*' | Readonly<Record<string, readonly string[]>>
  readonly Action?: readonly string[]
  readonly NotAction?: readonly string[]
  readonly Resource?: readonly string[]
  readonly NotResource?: readonly string[]
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
}

export interface ReferenceDocument {
  readonly Version?: string
  readonly Statement: readonly ReferenceStatement[]
}

export interface ReferenceCase {
  readonly identity: readonly ReferenceDocument[]
  readonly boundary: ReferenceDocument | undefined
  /** None: no session policy. */
  readonly session: readonly ReferenceDocument[]
  readonly resource: ReferenceDocument | undefined
  /** The ARN of a user, a role session or a role. */
  readonly caller: string | undefined
  readonly sameAccount: boolean
  readonly action: string
  readonly resourceArn: string
  readonly facts: Facts
}

/** `denied`: one of the two, because a Deny applies and another could not be evaluated. */
export type Verdict = 'allowed' | 'explicitDeny' | 'implicitDeny' | 'denied'

/** Decides as the IAM user guide describes it ("policy evaluation logic"), step by step. */
export function referenceVerdict(asked: ReferenceCase): Verdict {
  const all = [asked.resource, asked.boundary, ...asked.identity, ...asked.session]
  const denies = all.flatMap((document) => outcomes(document, 'Deny', asked))
  const isDenied = denies.includes('applies')
  if (denies.includes('fails')) return isDenied ? 'denied' : 'implicitDeny'
  if (isDenied) return 'explicitDeny'
  try {
    return isAllowed(asked) ? 'allowed' : 'implicitDeny'
  } catch (error) {
    if (error instanceof WrongType) return 'implicitDeny'
    throw error
  }
}

function isAllowed(asked: ReferenceCase): boolean {
  const { resource, identity, boundary, session, sameAccount } = asked
  const names = resource === undefined ? [] : allowingNames(resource, asked)
  if (!sameAccount && names.length === 0) return false
  if (sameAccount && names.includes('self')) return true
  const byResource = sameAccount && names.some((name) => name !== 'account')
  if (!allows(identity, asked) && !byResource) return false
  if (boundary !== undefined && !allows([boundary], asked)) return false
  return session.length === 0 || allows(session, asked)
}

/** Whether a statement of the documents allows; the first that does ends the search. */
function allows(documents: readonly ReferenceDocument[], asked: ReferenceCase): boolean {
  return documents.some((document) =>
    document.Statement.some(
      (statement) => statement.Effect === 'Allow' && applies(document, statement, asked),
    ),
  )
}

type Name = 'self' | 'role' | 'everybody' | 'account'

/** How each statement of the resource's policy that allows names the caller. */
function allowingNames(document: ReferenceDocument, asked: ReferenceCase): readonly Name[] {
  return document.Statement.filter(
    (statement) => statement.Effect === 'Allow' && applies(document, statement, asked),
  ).flatMap((statement) => nameOf(statement.Principal, asked.caller) ?? [])
}

function outcomes(
  document: ReferenceDocument | undefined,
  effect: 'Deny',
  asked: ReferenceCase,
): readonly ('applies' | 'misses' | 'fails')[] {
  const statements = document?.Statement.filter(({ Effect }) => Effect === effect) ?? []
  return statements.map((statement) => {
    try {
      return document !== undefined && applies(document, statement, asked) ? 'applies' : 'misses'
    } catch (error) {
      if (error instanceof WrongType) return 'fails'
      throw error
    }
  })
}

function applies(
  document: ReferenceDocument,
  statement: ReferenceStatement,
  { caller, action, resourceArn, facts }: ReferenceCase,
): boolean {
  const variables = document.Version === '2012-10-17'
  const { Principal, Action, NotAction, Resource, NotResource } = statement
  if (Principal !== undefined && nameOf(Principal, caller) === undefined) return false
  const isAction = (pattern: string): boolean => matchesAction(pattern, action)
  if (Action === undefined ? NotAction?.some(isAction) : !Action.some(isAction)) return false
  const isResource = (pattern: string): boolean =>
    matchesResource(pattern, resourceArn, variables, facts)
  if (Resource === undefined ? NotResource?.some(isResource) : !Resource.some(isResource)) {
    return false
  }
  const syntax = { wildcards: true, variables, facts }
  const isUnfilled = NotResource?.some((pattern) => signsOf(pattern, syntax) === undefined)
  // Ours: what an Allow leaves out has to be known.
  if (isUnfilled === true && statement.Effect === 'Allow') return false
  return Object.entries(statement.Condition ?? {}).every(([operator, keys]) =>
    Object.entries(keys).every(([key, wanted]) =>
      conditionHolds({ operator, key, wanted, variables }, facts),
    ),
  )
}

function matchesAction(pattern: string, action: string): boolean {
  const facts: Facts = new Map()
  const signs = signsOf(pattern.toLowerCase(), { wildcards: true, variables: false, facts })
  return spells(signs ?? [], action.toLowerCase())
}

function matchesResource(
  pattern: string,
  resource: string,
  variables: boolean,
  facts: Facts,
): boolean {
  const syntax = { wildcards: true, variables, facts }
  const fits = (one: string, found: string): boolean => {
    const signs = signsOf(one, syntax)
    return signs !== undefined && spells(signs, found)
  }
  const [patterns, found] = [arnParts(pattern), arnParts(resource)]
  const isBounded = patterns[2] === 'execute-api' || patterns[1]?.includes('*') === true
  if (patterns.length < 6 || !isBounded) return fits(pattern, resource)
  return found.length === 6 && patterns.every((one, index) => fits(one, found[index] ?? ''))
}

/** How a `Principal` names the caller: as closely as it can. */
function nameOf(
  principal: ReferenceStatement['Principal'],
  caller: string | undefined,
): Name | undefined {
  if (principal === '*') return 'everybody'
  const named = principal?.['AWS'] ?? []
  const [, , , , account = '', entity = ''] = caller?.split(':') ?? []
  const isRole = entity.startsWith('role/')
  if (caller !== undefined && !isRole && named.includes(caller)) return 'self'
  const role = /^assumed-role\/([^/]+)\//.exec(entity)?.[1]
  const roleArn = isRole ? caller : `arn:aws:iam::${account}:role/${role}`
  if ((isRole || role !== undefined) && named.includes(roleArn ?? '')) return 'role'
  if (named.includes('*')) return 'everybody'
  const isAccount = named.includes(account) || named.includes(`arn:aws:iam::${account}:root`)
  return isAccount && account !== '' ? 'account' : undefined
}

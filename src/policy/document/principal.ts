import { isJsonObject } from '../../core/index.ts'
import type { JsonObject } from '../../core/index.ts'
import type { ProblemList } from './problem.ts'
import { nearest, show, within } from './problem.ts'
import { readTexts } from './reader.ts'
import type { PlacedText } from './reader.ts'

/** Whom a statement of a resource or trust policy is about: the alternatives, as written. */
export interface PrincipalSelection {
  /** `*`: everybody, callers without a name too. */
  readonly everybody: boolean
  /** Account numbers, also of `arn:aws:iam::ACCOUNT:root`: everybody of that account. */
  readonly accounts: readonly string[]
  /** ARNs of users, roles and role sessions. */
  readonly arns: readonly string[]
  /** Identity providers whose tokens count. */
  readonly federated: readonly string[]
  /** All values, for explanations. */
  readonly values: readonly string[]
}

/** Who asks, by the names that a `Principal` element can have for them. Nobody known has none. */
export interface PolicyPrincipal {
  /** Of the user, or of the role session. */
  readonly arn: string | undefined
  /** Of the role that was taken. */
  readonly role: string | undefined
  readonly account: string | undefined
  /** The identity provider that vouches for them. */
  readonly federated: string | undefined
}

export const nobody: PolicyPrincipal = Object.freeze({
  arn: undefined,
  role: undefined,
  account: undefined,
  federated: undefined,
})

/** How closely a statement names somebody; the closest counts. */
export type Naming = 'self' | 'role' | 'provider' | 'account' | 'everybody'

const kinds = ['AWS', 'Federated', 'Service', 'CanonicalUser'] as const
const accountForm = /^\d{12}$/
/** A partition that does not exist would make a Deny for somebody one for nobody. */
const rootForm = /^arn:aws(?:-cn|-us-gov|-eusc|-iso(?:-[a-z])?)?:iam::(?<account>\d{12}):root$/
const arnForm =
  /^arn:aws(?:-cn|-us-gov|-eusc|-iso(?:-[a-z])?)?:(?:iam::\d{12}:(?:user|role)\/[^*?]+|sts::\d{12}:(?:assumed-role\/[^*?/]+\/[^*?]+|federated-user\/[^*?]+))$/

/** Reads `Principal`; what is wrong with it is added to `problems`. */
export function parsePrincipal(
  statement: JsonObject,
  pointer: string,
  problems: ProblemList,
): PrincipalSelection | undefined {
  if (!Object.hasOwn(statement, 'Principal')) {
    if (Object.hasOwn(statement, 'NotPrincipal')) return undefined
    const hint = 'write "Principal": "*", or {"AWS": "arn:aws:iam::ACCOUNT:user/NAME"}'
    problems.add(pointer, 'policy.missing', 'the statement has no Principal', hint)
    return undefined
  }
  const place = within(pointer, 'Principal')
  const value = statement['Principal']
  if (value === '*') return selectionOf([{ kind: 'AWS', text: '*' }])
  if (!isJsonObject(value)) {
    const message = `found ${show(value)}, expected "*" or an object`
    problems.add(place, 'policy.wrong_type', message, 'write "*" or {"AWS": "..."}')
    return undefined
  }
  if (Object.keys(value).length === 0) {
    problems.add(place, 'policy.empty', 'the Principal names nobody', 'write "*" or {"AWS": "..."}')
  }
  const named = Object.keys(value).flatMap((kind) => readKind(kind, value[kind], place, problems))
  return selectionOf(named)
}

interface Named {
  readonly kind: (typeof kinds)[number]
  readonly text: string
}

function readKind(
  kind: string,
  value: unknown,
  pointer: string,
  problems: ProblemList,
): readonly Named[] {
  const place = within(pointer, kind)
  if (!isKind(kind)) {
    const guess = nearest(kind, kinds)
    const hint =
      guess === undefined ? `the kinds are ${kinds.join(', ')}` : `did you mean ${guess}?`
    const message = `there is no kind of principal ${show(kind)}`
    problems.add(place, 'policy.unknown_element', message, hint)
    return []
  }
  const texts = readTexts(value, 'text', place, problems)
  for (const text of texts) checkName(kind, text, problems)
  return texts.map(({ text }) => ({ kind, text }))
}

function isKind(kind: string): kind is Named['kind'] {
  return (kinds as readonly string[]).includes(kind)
}

function checkName(
  kind: Named['kind'],
  { text, pointer }: PlacedText,
  problems: ProblemList,
): void {
  if (kind === 'AWS' && (text === '*' || isAccount(text) || arnForm.test(text))) return
  const hasWildcard = /[*?]/.test(text)
  if (kind !== 'AWS' && text !== '' && !hasWildcard) return
  const hint = hasWildcard
    ? 'a principal is "*" or written out; compare aws:PrincipalArn in a Condition instead'
    : 'write an account number, or arn:aws:iam::ACCOUNT:user/NAME or :role/NAME'
  problems.add(pointer, 'policy.bad_value', `${show(text)} is not a principal`, hint)
}

function isAccount(text: string): boolean {
  return accountForm.test(text) || rootForm.test(text)
}

function selectionOf(named: readonly Named[]): PrincipalSelection {
  const aws = named.filter(({ kind }) => kind === 'AWS').map(({ text }) => text)
  return {
    everybody: aws.includes('*'),
    accounts: aws.filter(isAccount).map((text) => rootForm.exec(text)?.groups?.['account'] ?? text),
    arns: aws.filter((text) => text !== '*' && !isAccount(text)),
    federated: named.filter(({ kind }) => kind === 'Federated').map(({ text }) => text),
    values: named.map(({ text }) => text),
  }
}

/** How the selection names the principal; `undefined` when it does not. */
export function namingOf(
  selection: PrincipalSelection,
  principal: PolicyPrincipal,
): Naming | undefined {
  const { arn, role, account, federated } = principal
  if (holds(selection.arns, arn)) return 'self'
  if (holds(selection.arns, role)) return 'role'
  if (holds(selection.federated, federated)) return 'provider'
  if (selection.everybody) return 'everybody'
  return holds(selection.accounts, account) ? 'account' : undefined
}

function holds(names: readonly string[], name: string | undefined): boolean {
  return name !== undefined && names.includes(name)
}

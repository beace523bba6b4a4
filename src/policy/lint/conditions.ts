import type { CompiledCondition } from '../compile.ts'
import type { Condition } from '../document/condition.ts'
import { contextKeys, standingOf } from '../keys/schema.ts'
import {
  keyFamilies,
  principalTags,
  queryParameters,
  requestHeaders,
  routeTags,
} from '../keys/families.ts'
import type { ContextKey, KeyFamily, KeyType } from '../keys/key.ts'
import type { DeclaredKeys, KeyStanding } from '../keys/schema.ts'
import { nearest, show } from '../document/problem.ts'
import type { Findings, Inside, Subject } from './subject.ts'

/** What is looked at: one operator on one key of one statement. */
interface Asked {
  readonly subject: Subject
  readonly parsed: Condition
  readonly compiled: CompiledCondition
  readonly inside: Inside
}

/** Judges the conditions of a statement by what is known of their keys. */
export function lintConditions(
  subject: Subject,
  declared: DeclaredKeys | undefined,
  findings: Findings,
): void {
  for (const [index, compiled] of subject.compiled.conditions.entries()) {
    const parsed = subject.parsed.conditions[index]
    if (parsed === undefined) continue
    const inside = ['Condition', parsed.operator, parsed.key]
    const asked = { subject, parsed, compiled, inside }
    const standing = standingOf(compiled.key, declared)
    if (reportStanding(subject, inside, { name: parsed.key, standing }, findings)) continue
    if (standing.kind === 'known') lintCondition(asked, standing.key, findings)
  }
}

/**
 * Reports a key that no request has.
 *
 * @returns whether there was something to report.
 */
export function reportStanding(
  subject: Subject,
  inside: Inside,
  named: { readonly name: string; readonly standing: KeyStanding; readonly isVariable?: boolean },
  findings: Findings,
): boolean {
  const { name, standing } = named
  if (standing.kind === 'known') return false
  const code = named.isVariable === true ? 'policy.unknown_variable' : 'policy.unknown_key'
  if (standing.kind === 'unknown') {
    const message = `there is no condition key ${show(name)}`
    findings.add(subject, inside, { code, message, hint: suggestion(name) })
    return true
  }
  const { declaredBy } = standing.key
  if (standing.key === principalTags || standing.key === routeTags) {
    const message = `no part of the configuration gives a tag for ${show(name)}`
    const hint = `add the tag to ${declaredBy}, or mend its name`
    findings.add(subject, inside, { code: 'policy.warn_untagged', message, hint })
    return true
  }
  const message = `nothing declares ${show(name)}, so no request has it`
  findings.add(subject, inside, { code, message, hint: `declare it in ${declaredBy}` })
  return true
}

/** What to do about a condition key that does not exist. */
export function suggestion(name: string): string {
  const names = contextKeys.map((key) => key.name)
  const slash = name.indexOf('/')
  const family = slash === -1 ? undefined : nearest(name.slice(0, slash), familyNames)
  if (family !== undefined) return `did you mean ${family}${name.slice(slash)}?`
  const last = name.slice(name.indexOf(':') + 1).toLowerCase()
  const guess =
    names.find((known) => known.toLowerCase().endsWith(`:${last}`)) ?? nearest(name, names)
  return guess === undefined
    ? 'docs/condition-keys.md lists the keys that Proofgate supplies'
    : `did you mean ${guess}?`
}

/** Without what completes them. */
const familyNames = keyFamilies
  .filter(({ prefix }) => prefix !== undefined)
  .map((family) => family.name.slice(0, family.name.indexOf('/')))

function lintCondition(asked: Asked, key: ContextKey, findings: Findings): void {
  if (asked.compiled.whenPresent !== undefined) {
    lintNull(asked, key, findings)
    return
  }
  if (!lintOperator(asked, key, findings)) return
  lintAbsence(asked, key, findings)
  lintRepetition(asked, key, findings)
}

/** The operators by what they compare; their names begin like this. */
const operands: readonly (readonly [beginning: string, type: KeyType])[] = [
  ['String', 'string'],
  ['Numeric', 'number'],
  ['Date', 'date'],
  ['Bool', 'boolean'],
  ['Binary', 'binary'],
  ['Ip', 'address'],
  ['NotIp', 'address'],
  ['Arn', 'arn'],
]

/** What to write for each type. */
const operatorsFor: Readonly<Record<KeyType, string>> = {
  string: 'String…',
  number: 'Numeric…',
  date: 'Date…',
  boolean: 'Bool',
  binary: 'BinaryEquals',
  address: 'IpAddress or NotIpAddress',
  arn: 'Arn…',
  any: 'String…',
}

/** @returns whether the operator can compare what the key holds. */
function lintOperator(
  { subject, parsed, inside }: Asked,
  key: ContextKey,
  findings: Findings,
): boolean {
  const base = parsed.operator.slice(parsed.operator.indexOf(':') + 1)
  const compares = operands.find(([beginning]) => base.startsWith(beginning))?.[1]
  const { type, alsoType } = key
  if (compares === undefined || type === 'any' || compares === type || compares === alsoType) {
    return true
  }
  const hint = `compare it with ${operatorsFor[type]}`
  const what = `${parsed.key} is ${article(type)}`
  if (compares !== 'string') {
    const message = `${parsed.operator} cannot compare it: ${what}`
    findings.add(subject, inside, { code: 'policy.wrong_operator', message, hint })
    return false
  }
  if (type !== 'arn') {
    const message = `${parsed.operator} compares it letter by letter, and ${what}`
    findings.add(subject, inside, { code: 'policy.warn_text_operator', message, hint })
  }
  return true
}

function article(type: KeyType): string {
  return /^[aeiou]/.test(type) ? `an ${type === 'arn' ? 'ARN' : type}` : `a ${type}`
}

function lintNull(
  { subject, compiled, parsed, inside }: Asked,
  key: ContextKey,
  findings: Findings,
): void {
  if (key.presence !== 'always') return
  const outcome = compiled.whenPresent === true ? 'always' : 'never'
  findings.add(subject, inside, {
    code: 'policy.warn_null',
    message: `every request has ${parsed.key}, so this ${outcome} holds`,
    hint: key.without === '' ? 'compare its value' : `compare its value; it is ${key.without}`,
  })
}

/** What happens to requests that do not have the key. */
function lintAbsence(asked: Asked, key: ContextKey, findings: Findings): void {
  const { subject, compiled, parsed, inside } = asked
  if (key.presence === 'always') return
  const { effect } = subject.compiled
  const guard = `"Null": {"${parsed.key}": "false"}`
  const absent = `absent ${key.without}`
  if (compiled.quantifier === 'for-any') {
    if (effect === 'Allow' || compiled.whenAbsent) return
    const message = `the Deny does not stop requests without ${parsed.key}, which is ${absent}`
    const hint = 'add a Deny with "Null": {...: "true"} if they should be stopped as well'
    findings.add(subject, inside, { code: 'policy.warn_for_any_value', message, hint })
    return
  }
  if (isPresenceAsked(subject, compiled.key)) return
  if (compiled.quantifier === 'for-all') {
    if (effect === 'Deny') return
    const message = `the Allow is also for requests without ${parsed.key}, which is ${absent}`
    const hint = `add ${guard}`
    findings.add(subject, inside, { code: 'policy.warn_for_all_values', message, hint })
    return
  }
  if (!compiled.negated || parsed.operator.endsWith('IfExists')) return
  findings.add(subject, inside, {
    code: 'policy.warn_absent_key',
    message: `${parsed.operator} also holds for requests without ${parsed.key}, which is ${absent}`,
    hint: `add ${guard}, or write ${parsed.operator}IfExists if they are meant`,
  })
}

/** Whether some condition of the statement fails for want of the key. */
export function isPresenceAsked({ compiled }: Subject, key: string): boolean {
  return compiled.conditions.some((condition) => condition.key === key && !condition.whenAbsent)
}

/** The caller writes headers and queries, and can write them twice: the service may heed the other one. */
function lintRepetition(asked: Asked, key: ContextKey, findings: Findings): void {
  const { subject, compiled, parsed, inside } = asked
  if (!isOfCaller(key) || subject.compiled.effect === 'Deny') return
  const { quantifier, negated } = compiled
  const oneIsEnough = quantifier === 'for-any' || (quantifier === 'none' && !negated)
  if (!oneIsEnough) return
  findings.add(subject, inside, {
    code: 'policy.warn_repeated_value',
    message: `a caller who sends ${parsed.key} twice passes when one of the values fits`,
    hint: `write ForAllValues: before the operator, and "Null": {"${parsed.key}": "false"}`,
  })
}

function isOfCaller(key: ContextKey | KeyFamily): boolean {
  return key === requestHeaders || key === queryParameters
}

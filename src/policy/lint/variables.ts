import type { CompiledCondition } from '../compile.ts'
import { isValueProblem, show } from '../document/problem.ts'
import { standingOf } from '../keys/schema.ts'
import type { DeclaredKeys } from '../keys/schema.ts'
import { parsePattern } from '../value/pattern.ts'
import type { Pattern } from '../value/pattern.ts'
import { isPresenceAsked, reportStanding } from './conditions.ts'
import { isText } from './globs.ts'
import type { Findings, Inside, Subject } from './subject.ts'

/** A place where variables may stand. */
interface Spot {
  readonly subject: Subject
  readonly inside: Inside
  /** What compares the value; absent in a resource. */
  readonly condition: CompiledCondition | undefined
  readonly declared: DeclaredKeys | undefined
}

/** Judges the variables in resources and in the values of conditions. */
export function lintVariables(
  subject: Subject,
  declared: DeclaredKeys | undefined,
  findings: Findings,
): void {
  const { resource, conditions } = subject.compiled
  for (const pattern of resource.patterns) {
    const spot = { subject, inside: [resource.element], condition: undefined, declared }
    lintPattern(pattern, spot, findings)
  }
  for (const [index, { operator, key, values }] of subject.parsed.conditions.entries()) {
    if (!/^(?:For\w+:)?(?:String|Arn)/.test(operator)) continue
    const inside = ['Condition', operator, key]
    const spot = { subject, inside, condition: conditions[index], declared }
    for (const value of values) {
      const pattern = parsePattern(value, { wildcards: true, variables: true, ignoreCase: false })
      if (!isValueProblem(pattern)) lintPattern(pattern, spot, findings)
    }
  }
}

/** Finds what would be a variable if the document said another version. */
export function lintPlainText(subject: Subject, findings: Findings): void {
  const { resource, conditions } = subject.parsed
  const places = [
    { inside: [subject.compiled.resource.element], values: resource.values },
    ...conditions.map(({ operator, key, values }) => ({
      inside: ['Condition', operator, key],
      values,
    })),
  ]
  for (const { inside, values } of places) {
    const value = values.find((text) => /\$\{[^}]+\}/.test(text))
    if (value === undefined) continue
    findings.add(subject, inside, {
      code: 'policy.warn_plain_variable',
      message: `${show(value)} holds no variable, because the version of the document knows none`,
      hint: 'write "Version": "2012-10-17"',
    })
  }
}

function lintPattern(pattern: Pattern, spot: Spot, findings: Findings): void {
  const { subject, inside, condition, declared } = spot
  for (const part of pattern.parts) {
    if (typeof part === 'string' || isText(part)) continue
    const { key: name, fallback } = part
    const standing = standingOf(name, declared)
    if (reportStanding(subject, inside, { name, standing, isVariable: true }, findings)) continue
    if (standing.kind !== 'known' || standing.key.presence === 'always') continue
    if (fallback !== undefined || !holdsUnfilled(condition)) continue
    if (isPresenceAsked(subject, name)) continue
    findings.add(subject, inside, {
      code: 'policy.warn_absent_key',
      message: `this also holds for requests without ${name}, which is absent ${standing.key.without}: nothing equals a variable without a value`,
      hint: `add "Null": {"${name}": "false"}, or give a default: \${${name}, 'default'}`,
    })
  }
}

/** Whether the condition holds of a value that the request has because the variable has none. */
function holdsUnfilled(condition: CompiledCondition | undefined): boolean {
  return condition !== undefined && condition.negated
}

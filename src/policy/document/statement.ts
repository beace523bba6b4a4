import { isJsonObject, ownProperty } from '../../core/index.ts'
import type { JsonObject } from '../../core/index.ts'
import { parseResource } from '../value/arn.ts'
import { parseConditions } from './condition.ts'
import type { Condition } from './condition.ts'
import type { KindRules } from './kind.ts'
import { parsePattern } from '../value/pattern.ts'
import type { Pattern } from '../value/pattern.ts'
import { parsePrincipal } from './principal.ts'
import type { PrincipalSelection } from './principal.ts'
import { isValueProblem, show, within } from './problem.ts'
import type { ProblemList, ValueProblem } from './problem.ts'
import { readTexts, refuseUnknown } from './reader.ts'

export type Effect = 'Allow' | 'Deny'

/** The values of an element, or of its `Not...` form. */
export interface Selection {
  readonly values: readonly string[]
  /** Whether it selects everything but the values: `NotAction`, `NotResource`. */
  readonly inverted: boolean
}

export interface Statement {
  readonly sid: string | undefined
  readonly effect: Effect
  /** In resource and trust policies only. */
  readonly principal: PrincipalSelection | undefined
  readonly action: Selection
  /** Everything, in a trust policy. */
  readonly resource: Selection
  /** All of them must hold. */
  readonly conditions: readonly Condition[]
}

/** What a statement is read as a part of. */
export interface StatementSetting {
  readonly rules: KindRules
  /** Whether `${...}` is a variable. */
  readonly variables: boolean
  /** What `execute-api:/stage/METHOD/path` is short for: the ARN up to the name of the API. */
  readonly apiArn: string | undefined
  /** Whether conditions may be what AWS takes and we call a fault. */
  readonly asAws: boolean
}

/** Reads one statement; what is wrong with it is added to `problems`. */
export function parseStatement(
  value: unknown,
  setting: StatementSetting,
  pointer: string,
  problems: ProblemList,
): Statement | undefined {
  const { rules, variables } = setting
  if (!isJsonObject(value)) {
    const message = `found ${show(value)}, expected a statement`
    const hint = 'write {"Effect": "Allow", "Action": ..., "Resource": ...}'
    problems.add(pointer, 'policy.wrong_type', message, hint)
    return undefined
  }
  refuseUnknown(value, [...elements, ...principals], pointer, problems)
  refuseMisplaced(value, rules, pointer, problems)
  const principal = rules.hasPrincipal ? parsePrincipal(value, pointer, problems) : undefined
  const sid = parseSid(value, rules, pointer, problems)
  const effect = parseEffect(value, pointer, problems)
  const place = { statement: value, pointer, problems }
  const action = parseSelection('Action', parseAction, place)
  const resource = rules.hasResource ? parseResources(place, setting) : everything
  const conditions = Object.hasOwn(value, 'Condition')
    ? parseConditions(
        value['Condition'],
        { variables, asAws: setting.asAws },
        within(pointer, 'Condition'),
        problems,
      )
    : []
  if (effect === undefined) return undefined
  return { sid, effect, principal, action, resource, conditions }
}

const everything: Selection = Object.freeze({ values: ['*'], inverted: false })

function parseResources(place: Place, { variables, apiArn }: StatementSetting): Selection {
  const expand = (text: string): string =>
    apiArn !== undefined && text.startsWith(shortResource)
      ? `${apiArn}${text.slice(shortResource.length - 1)}`
      : text
  const check = (text: string): ValueProblem | object => parseResource(expand(text), variables)
  const { values, inverted } = parseSelection('Resource', check, place)
  return { values: values.map(expand), inverted }
}

const shortResource = 'execute-api:/'

const selections: readonly string[] = ['Action', 'NotAction', 'Resource', 'NotResource']
const elements: readonly string[] = ['Sid', 'Effect', ...selections, 'Condition']
const principals: readonly string[] = ['Principal', 'NotPrincipal']

const longestSid = 100

const actionForm = /^(?:\*|(?:\*|[a-z0-9.-]+):[a-z0-9_.*?-]+)$/i

/**
 * Reads one value of `Action`: `service:Name` with wildcards in the name, or `*`. Actions are not
 * case-sensitive; the pattern is in lower case and expects the action in lower case.
 */
export function parseAction(source: string): Pattern | ValueProblem {
  if (!actionForm.test(source)) {
    return {
      code: 'policy.bad_value',
      message: `${show(source)} is not an action`,
      hint: 'write service:Name, such as execute-api:Invoke, or *',
    }
  }
  const syntax = { wildcards: true, variables: false, ignoreCase: false }
  return parsePattern(source.toLowerCase(), syntax)
}

function refuseMisplaced(
  statement: JsonObject,
  { name, hasPrincipal, hasResource }: KindRules,
  pointer: string,
  problems: ProblemList,
): void {
  const refuse = (element: string, message: string, hint: string): void => {
    if (!Object.hasOwn(statement, element)) return
    problems.add(within(pointer, element), 'policy.unsupported', message, hint)
  }
  refuse(
    'NotPrincipal',
    'NotPrincipal is not supported: it also means everybody who was not thought of',
    'write "Principal": "*" and compare aws:PrincipalArn with ArnNotEquals in a Condition',
  )
  if (!hasPrincipal) {
    const hint = 'attach the policy to whom it is for, or compare aws:username in a Condition'
    refuse('Principal', `Principal has no place in ${name}`, hint)
  }
  if (hasResource) return
  for (const element of ['Resource', 'NotResource']) {
    refuse(element, `${element} has no place in ${name}`, 'a trust policy is about its own role')
  }
}

/** Services let the Sids of their resource policies hold more than IAM does: `Enable IAM User Permissions`. */
function parseSid(
  statement: JsonObject,
  { hasPrincipal }: KindRules,
  pointer: string,
  problems: ProblemList,
): string | undefined {
  const sid = ownProperty(statement, 'Sid')
  if (sid === undefined || sid === '') return undefined
  const form = hasPrincipal ? /^[\x20-\x7e]+$/ : /^[A-Za-z0-9]+$/
  if (typeof sid === 'string' && sid.length <= longestSid && form.test(sid)) return sid
  const code = typeof sid === 'string' ? 'policy.bad_value' : 'policy.wrong_type'
  const message = `found the Sid ${show(sid)}, expected letters and digits`
  const hint = `use A-Z, a-z and 0-9, at most ${longestSid} of them`
  problems.add(within(pointer, 'Sid'), code, message, hint)
  return undefined
}

function parseEffect(
  statement: JsonObject,
  pointer: string,
  problems: ProblemList,
): Effect | undefined {
  const effect = ownProperty(statement, 'Effect')
  if (effect === 'Allow' || effect === 'Deny') return effect
  const hint = 'write "Effect": "Allow" or "Effect": "Deny"'
  if (effect === undefined) {
    problems.add(pointer, 'policy.missing', 'the statement has no Effect', hint)
  } else {
    const code = typeof effect === 'string' ? 'policy.bad_value' : 'policy.wrong_type'
    const message = `found the effect ${show(effect)}, expected "Allow" or "Deny"`
    problems.add(within(pointer, 'Effect'), code, message, hint)
  }
  return undefined
}

interface Place {
  readonly statement: JsonObject
  readonly pointer: string
  readonly problems: ProblemList
}

function parseSelection(
  name: 'Action' | 'Resource',
  check: (text: string) => ValueProblem | object,
  place: Place,
): Selection {
  const { statement, pointer, problems } = place
  const written = [name, `Not${name}`].filter((element) => Object.hasOwn(statement, element))
  const [element] = written
  if (element === undefined) {
    const message = `the statement has neither ${name} nor Not${name}`
    problems.add(pointer, 'policy.missing', message, `write "${name}": "*" to mean every one`)
    return { values: [], inverted: false }
  }
  if (written.length > 1) {
    const message = `${name} and Not${name} stand in one statement`
    const hint = 'make two statements of it'
    problems.add(within(pointer, `Not${name}`), 'policy.conflict', message, hint)
  }
  const texts = readTexts(statement[element], 'text', within(pointer, element), problems)
  for (const text of texts) {
    const checked = check(text.text)
    if (isValueProblem(checked)) problems.addValue(text.pointer, checked)
  }
  return { values: texts.map(({ text }) => text), inverted: element !== name }
}

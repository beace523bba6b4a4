import { isJsonObject } from '../core/index.ts'
import { kindRules } from '../policy/index.ts'
import type { PolicyKind, PolicyProblem } from '../policy/index.ts'

const syntax = 'Syntax errors in policy.'
const legacy = 'The policy failed legacy parsing'
const noActions = 'Policy statement must contain actions.'
const noResources = 'Policy statement must contain resources.'

/**
 * What AWS says where a document has this problem, as `CreatePolicy` and its kin answer it.
 *
 * @param value - what stands at the problem's pointer.
 */
export function awsWords(problem: PolicyProblem, value: unknown, kind: PolicyKind): string {
  const { code, pointer } = problem
  const element = elementOf(pointer)
  const text = typeof value === 'string' ? value : ''
  if (code === 'policy.too_large') return 'Cannot exceed quota for PolicySize'
  if (code === 'policy.missing') return missingWords(value, kind)
  if (element === 'Principal') return principalWords(code, text, kind)
  if (element === 'Sid') return sidWords(code)
  if (element === 'Action') return actionWords(code, text)
  if (element === 'Resource') return resourceWords(code, text)
  const isDate = element === 'Condition' && /\/(?:[A-Za-z]+:)?Date[A-Za-z]+\//.test(pointer)
  return isDate && code === 'policy.bad_value' ? legacy : syntax
}

/** The element of a statement that the pointer is within, without its `Not`. */
function elementOf(pointer: string): string | undefined {
  const found = /^\/Statement(?:\/\d+)?\/(?:Not)?(?<element>[A-Za-z]+)(?:\/|$)/.exec(pointer)
  return found?.groups?.['element']
}

/** What is absent has no place of its own: the problem is the statement's. */
function missingWords(statement: unknown, kind: PolicyKind): string {
  if (!isJsonObject(statement) || !Object.hasOwn(statement, 'Effect')) return syntax
  const has = (name: string): boolean =>
    Object.hasOwn(statement, name) || Object.hasOwn(statement, `Not${name}`)
  if (kindRules[kind].hasPrincipal && !has('Principal')) return 'Missing required field Principal'
  if (!has('Action')) return noActions
  return has('Resource') ? syntax : noResources
}

function principalWords(code: string, value: string, kind: PolicyKind): string {
  if (!kindRules[kind].hasPrincipal) return 'Policy document should not specify a principal.'
  return code === 'policy.bad_value'
    ? `Invalid principal in policy: "AWS":"${short(value)}"`
    : syntax
}

function sidWords(code: string): string {
  if (code === 'policy.duplicate') return 'Statement IDs (SID) in a single policy must be unique.'
  if (code !== 'policy.bad_value') return syntax
  const form = 'Check that your input satisfies the regular expression [0-9A-Za-z]*'
  return `Statement IDs (SID) must be alpha-numeric. ${form}`
}

function actionWords(code: string, value: string): string {
  if (code === 'policy.empty') return noActions
  if (code !== 'policy.bad_value') return syntax
  const [vendor = '', ...names] = value.split(':')
  if (names.length === 0) {
    return 'Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.'
  }
  if (names.length > 1) return 'Actions/Condition can contain only one colon.'
  return vendor === '*' || /^[A-Za-z0-9.-]+$/.test(vendor)
    ? syntax
    : `Vendor ${short(vendor)} is not valid`
}

function resourceWords(code: string, value: string): string {
  if (code === 'policy.empty') return noResources
  if (code !== 'policy.bad_value') return syntax
  if (!value.includes(':')) return `Resource ${short(value)} must be in ARN format or "*".`
  const [, partition = '', service] = value.split(':')
  if (!/^aws(?:-[a-z]+)*$/.test(partition)) {
    return `Partition "${short(partition)}" is not valid for resource "${short(value)}".`
  }
  return service === undefined || /[*?]/.test(service)
    ? 'Resource vendor must be fully qualified and cannot contain regexes.'
    : legacy
}

function short(text: string): string {
  return text.length > longestShown ? `${text.slice(0, longestShown)}…` : text
}

const longestShown = 120

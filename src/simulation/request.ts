import { isJsonObject, ownProperty } from '../core/index.ts'
import type { Json, JsonObject } from '../core/index.ts'
import type { PolicyPrincipal } from '../policy/index.ts'
import { show } from '../policy/index.ts'
import { invalidInput } from './answer.ts'
import { parseCaller, parseOwner } from './caller.ts'
import { parseContextEntries } from './context-entries.ts'
import type { GivenContext } from './context-entries.ts'
import type { DocumentText } from './documents.ts'

/** One simulation, read and checked, but for its policies. */
export interface SimulationRequest {
  readonly identity: readonly DocumentText[]
  readonly boundaries: readonly DocumentText[]
  readonly session: readonly DocumentText[]
  readonly resource: DocumentText | undefined
  readonly principal: PolicyPrincipal
  readonly sameAccount: boolean
  readonly actions: readonly string[]
  readonly resources: readonly string[]
  readonly given: GivenContext
}

const members: readonly string[] = [
  'PolicyInputList',
  'PermissionsBoundaryPolicyInputList',
  'SessionPolicyInputList',
  'ResourcePolicy',
  'ResourceOwner',
  'CallerArn',
  'ActionNames',
  'ResourceArns',
  'ContextEntries',
  'ResourceHandlingOption',
  'MaxItems',
  'Marker',
]

/** Actions times resources. */
const mostResults = 10_000

/** Reads what `SimulateCustomPolicy` is given. Throws `SimulationError`. */
export function parseRequest(value: Json): SimulationRequest {
  if (!isJsonObject(value)) throw invalidInput(`found ${show(value)}, expected a JSON object`)
  for (const name of Object.keys(value)) {
    if (members.includes(name)) continue
    const known = members.join(', ')
    throw invalidInput(`Unknown parameter in input: ${show(name)}, must be one of: ${known}`)
  }
  const principal = parseCaller(textOf(value, 'CallerArn'))
  const resource = documentsOf(value, 'ResourcePolicy')[0]
  if (resource !== undefined && principal.account === undefined) {
    throw invalidInput(
      'Invalid caller - Caller cannot be null or empty. A ResourcePolicy needs a CallerArn',
    )
  }
  const owner = ownerOf(value)
  return {
    identity: documentsOf(value, 'PolicyInputList'),
    boundaries: documentsOf(value, 'PermissionsBoundaryPolicyInputList'),
    session: documentsOf(value, 'SessionPolicyInputList'),
    resource,
    principal,
    sameAccount: owner === undefined || owner === (principal.account ?? owner),
    ...subjectsOf(value),
    given: parseContextEntries(memberOf(value, 'ContextEntries')),
  }
}

function ownerOf(value: JsonObject): string | undefined {
  const owner = textOf(value, 'ResourceOwner')
  return owner === undefined ? undefined : parseOwner(owner)
}

function subjectsOf(value: JsonObject): Pick<SimulationRequest, 'actions' | 'resources'> {
  const actions = textsOf(value, 'ActionNames')
  if (actions.length === 0) throw invalidInput('ActionNames is required.')
  for (const action of actions) checkAction(action)
  const listed = textsOf(value, 'ResourceArns')
  for (const resource of listed) checkResource(resource)
  const resources = listed.length === 0 ? ['*'] : listed
  if (actions.length * resources.length > mostResults) {
    throw invalidInput(`more than ${mostResults} pairs of ActionNames and ResourceArns`)
  }
  return { actions, resources }
}

function checkAction(action: string): void {
  if (!action.includes(':')) {
    throw invalidInput(`The action is invalid since it is missing names: ${show(action)}`)
  }
  checkLength('ActionNames', action, 3, 128)
}

function checkResource(resource: string): void {
  checkLength('ResourceArns', resource, 1, 2048)
  if (resource === '*') return
  const [arn, partition, service, , , ...rest] = resource.split(':')
  const isArn = arn === 'arn' && partition !== '' && service !== '' && rest.join('') !== ''
  if (!isArn) throw invalidInput(`ResourceNames are not in a valid ARN format: ${resource}.`)
}

function checkLength(name: string, text: string, least: number, most: number): void {
  if (text.length >= least && text.length <= most) return
  throw invalidInput(
    `${name} holds ${show(text)} with ${text.length} characters, expected ${least} to ${most}`,
  )
}

/** A member that is `null` is absent. */
function memberOf(value: JsonObject, name: string): unknown {
  const member = ownProperty(value, name)
  return member === null ? undefined : member
}

function textOf(value: JsonObject, name: string): string | undefined {
  const member = memberOf(value, name)
  if (member === undefined || typeof member === 'string') return member
  throw invalidInput(`${name} is ${show(member)}, expected text`)
}

function textsOf(value: JsonObject, name: string): readonly string[] {
  const member = memberOf(value, name) ?? []
  if (Array.isArray(member) && member.every((item) => typeof item === 'string')) return member
  throw invalidInput(`${name} is ${show(member)}, expected a list of text`)
}

/** Policies are given as JSON text, or as what the text would hold. */
function documentsOf(value: JsonObject, name: string): readonly DocumentText[] {
  const member = memberOf(value, name)
  if (member === undefined) return []
  if (name === 'ResourcePolicy') return [documentOf(name, member)]
  if (!Array.isArray(member)) throw invalidInput(`${name} is ${show(member)}, expected a list`)
  return member.map((item: unknown, index) => documentOf(`${name}.${index + 1}`, item))
}

function documentOf(name: string, value: unknown): DocumentText {
  if (typeof value === 'string') return { name, text: value }
  if (isJsonObject(value)) return { name, text: JSON.stringify(value) }
  throw invalidInput(`${name} is ${show(value)}, expected the text of a policy, or an object`)
}

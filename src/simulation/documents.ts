import { ownProperty } from '../core/index.ts'
import type { Json } from '../core/index.ts'
import { parsePolicyDocument } from '../policy/index.ts'
import type { PolicyDocument, PolicyKind, PolicyProblem } from '../policy/index.ts'
import { SimulationError } from './answer.ts'
import { readJson, showPlace } from './json-text.ts'
import { placesIn } from './json-places.ts'
import { awsWords } from './words.ts'

/** A policy of the request, under the name that the answer gives it. */
export interface DocumentText {
  readonly name: string
  readonly text: string
}

/** Longest document, in UTF-16 units with its white space (IAM API reference, policyDocumentType). */
export const longestDocument = 131_072

/** A document has less; what is deeper need not be looked at. */
const deepestNesting = 16
const mostProblems = 5

/** Reads a document as AWS does: one without `Version` is of 2008-10-17. Throws `SimulationError`. */
export function readDocument({ name, text }: DocumentText, kind: PolicyKind): PolicyDocument {
  const json = readJson(text, { length: longestDocument, depth: deepestNesting })
  if ('fault' in json) throw malformed(`Syntax errors in policy. ${name}: ${json.fault}`)
  const reading = { asAws: true, largest: longestDocument }
  const parsed = parsePolicyDocument(json.value, kind, reading)
  if ('document' in parsed) return parsed.document
  throw malformed(describe({ name, text, value: json.value, kind }, parsed.problems))
}

function malformed(message: string): SimulationError {
  return new SimulationError('MalformedPolicyDocument', message)
}

interface Faulty extends DocumentText {
  readonly value: Json
  readonly kind: PolicyKind
}

/** AWS's words for the first problem, then every problem with its place. */
function describe(source: Faulty, problems: readonly PolicyProblem[]): string {
  const [first] = problems
  const words =
    first === undefined ? '' : awsWords(first, valueAt(source.value, first.pointer), source.kind)
  const { spans } = placesIn(source.text, deepestNesting)
  const details = problems.slice(0, mostProblems).map(({ pointer, message, hint }) => {
    const place = showPlace(source.text, spans.get(pointer)?.start ?? 0)
    return `${source.name}${pointer} (${place}): ${message}; ${hint}`
  })
  const left = problems.length - details.length
  return [words, ...details, ...(left === 0 ? [] : [`and ${left} more`])].join(' ')
}

function valueAt(value: Json, pointer: string): unknown {
  const names = pointer.split('/').slice(1)
  return names.reduce<unknown>((at, name) => {
    const member = name.replaceAll('~1', '/').replaceAll('~0', '~')
    return typeof at === 'object' && at !== null ? ownProperty(at, member) : undefined
  }, value)
}

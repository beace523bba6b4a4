import { compilePolicies } from '../policy/index.ts'
import type { CompiledPolicies, PolicyDocument, PolicyKind, Statement } from '../policy/index.ts'
import type { Position } from './answer.ts'
import { readDocument } from './documents.ts'
import type { DocumentText } from './documents.ts'
import { placesIn, positionOf } from './json-places.ts'

/** A condition key as a statement writes it. */
export interface AskedKey {
  readonly name: string
  readonly lower: string
}

/** What the answer says of a statement, beside what its compiled form knows. */
export interface StatementSource {
  readonly policy: string
  /** Keys of its conditions, and of the variables in them. */
  readonly conditionKeys: readonly AskedKey[]
  /** Keys of the variables in its resources. */
  readonly resourceKeys: readonly AskedKey[]
  readonly places: () => { readonly start: Position; readonly end: Position }
}

/** Policies that count alike. */
export interface PolicyList {
  readonly compiled: CompiledPolicies
  /** One for each compiled statement, in their order. */
  readonly sources: readonly StatementSource[]
}

/** Reads and compiles policies of one kind. Throws `SimulationError` for the first that is refused. */
export function policyList(kind: PolicyKind, texts: readonly DocumentText[]): PolicyList {
  const read = texts.map((text) => ({ ...text, document: readDocument(text, kind) }))
  return { compiled: compilePolicies(read), sources: read.flatMap(sourcesOf) }
}

interface ReadText extends DocumentText {
  readonly document: PolicyDocument
}

function sourcesOf({ name, text, document }: ReadText): StatementSource[] {
  const hasVariables = document.version === '2012-10-17'
  const placesOf = placesOfStatements(text)
  return document.statements.map((statement, index) => ({
    policy: name,
    conditionKeys: conditionKeys(statement, hasVariables),
    resourceKeys: hasVariables ? statement.resource.values.flatMap(variablesIn) : [],
    places: () => placesOf(index),
  }))
}

function conditionKeys({ conditions }: Statement, hasVariables: boolean): readonly AskedKey[] {
  return conditions.flatMap(({ key, values }) => [
    askedKey(key),
    ...(hasVariables ? values.flatMap(variablesIn) : []),
  ])
}

const variable = /\$\{([^*?$,{}']+)[,}]/g

function variablesIn(text: string): readonly AskedKey[] {
  if (!text.includes('${')) return []
  return [...text.matchAll(variable)].map(([, name = '']) => askedKey(name.trimEnd()))
}

function askedKey(name: string): AskedKey {
  return { name, lower: name.toLowerCase() }
}

/** Finds statements in their text when first asked to: most answers name few of them. */
function placesOfStatements(
  text: string,
): (index: number) => ReturnType<StatementSource['places']> {
  let spans: ReturnType<typeof placesIn>['spans'] | undefined
  return (index) => {
    spans ??= placesIn(text, 2).spans
    const span = spans.get(`/Statement/${index}`) ?? spans.get('/Statement')
    return {
      start: positionOf(text, span?.start ?? 0),
      end: positionOf(text, span?.end ?? 0),
    }
  }
}

import { UnknownFactError } from '../context.ts'
import type { ContextLookup } from '../context.ts'
import type { CompiledSelection } from '../compile.ts'
import { valueOf } from '../value/pattern.ts'
import type { Pattern } from '../value/pattern.ts'
import { covers, overlaps } from './overlap.ts'
import { cutTemplate, steps, stepsOfTemplate, stepsOfText } from './template.ts'
import type { Step, Template } from './template.ts'

/** `maybe`: for some requests, or depending on facts that are not known. */
export type Possibility = 'yes' | 'no' | 'maybe'

/** Whether `Resource` or `NotResource` selects what the template stands for. */
export function selectsTemplate(
  { patterns, inverted }: CompiledSelection,
  template: Template,
  context: ContextLookup,
): Possibility {
  const found = patterns.map((pattern) => matchesTemplate(pattern, template, context))
  const selected = found.includes('yes') ? 'yes' : found.includes('maybe') ? 'maybe' : 'no'
  if (!inverted || selected === 'maybe') return selected
  if (selected === 'yes') return 'no'
  // An Allow whose NotResource has a variable without a value does not apply.
  return patterns.every(({ fixed }) => fixed !== undefined) ? 'yes' : 'maybe'
}

function matchesTemplate(
  pattern: Pattern,
  template: Template,
  context: ContextLookup,
): Possibility {
  const { columns } = pattern
  if (columns === undefined) return matchesWhole(pattern, template, context)
  const cut = cutTemplate(template, columns.length)
  if (cut === undefined) return 'maybe'
  if (columns.some((column, at) => beginsOtherwise(column, cut[at] ?? []))) return 'no'
  const found = columns.map((column, at) => matchesWhole(column, cut[at] ?? [], context))
  if (found.includes('no')) return 'no'
  return found.includes('maybe') ? 'maybe' : 'yes'
}

function matchesWhole(pattern: Pattern, template: Template, context: ContextLookup): Possibility {
  if (beginsOtherwise(pattern, template)) return 'no'
  const read = stepsOfPattern(pattern, context)
  if (read === undefined) return 'no'
  const wanted = stepsOfTemplate(template)
  if (!overlaps(read.steps, wanted)) return 'no'
  return read.isExact && covers(read.steps, wanted) ? 'yes' : 'maybe'
}

/** Tells most of what does not match by its first letters, before anything is taken apart into steps. */
function beginsOtherwise({ parts }: Pattern, template: Template): boolean {
  const [first, wanted] = [parts[0], template[0]]
  if (first === undefined || typeof first === 'string' || !('text' in first)) return false
  if (wanted === undefined || typeof wanted === 'string') return false
  return !first.text.startsWith(wanted.text) && !wanted.text.startsWith(first.text)
}

/** A variable that nobody knows may be anything; one that is known to be absent matches nothing. */
export function stepsOfPattern(
  pattern: Pattern,
  context: ContextLookup,
): { readonly steps: readonly Step[]; readonly isExact: boolean } | undefined {
  const found: Step[] = []
  let isExact = true
  for (const part of pattern.parts) {
    if (typeof part === 'string') found.push(part === 'any-run' ? steps.anyRun : steps.any)
    else if ('text' in part) found.push(...stepsOfText(part.text))
    else {
      const value = tryValue(() => valueOf(part, context))
      if (value === undefined) return undefined
      isExact &&= value !== 'unknown'
      found.push(...(value === 'unknown' ? [steps.anyRun] : stepsOfText(value.text)))
    }
  }
  return { steps: found, isExact }
}

function tryValue(
  read: () => string | undefined,
): { readonly text: string } | 'unknown' | undefined {
  try {
    const text = read()
    return text === undefined ? undefined : { text }
  } catch (error) {
    if (error instanceof UnknownFactError) return 'unknown'
    throw error
  }
}

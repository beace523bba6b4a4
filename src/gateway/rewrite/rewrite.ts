import { isRefusal } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import { gatewayErrors } from '../errors.ts'
import { parseTarget } from '../incoming/target.ts'
import type { Target } from '../incoming/target.ts'
import { editQuery } from './query.ts'
import type { QueryEdits } from './query.ts'
import { partOfPath } from './values.ts'
import type { Value, ValueFacts } from './values.ts'

/** The path a service is asked for instead of the one that was decided on. */
export type PathRewrite =
  | { readonly kind: 'template'; readonly parts: Value }
  | {
      readonly kind: 'prefix'
      /** `/api`, which every path of the route begins with; empty for none. */
      readonly strip: string
      /** `/v2`; empty for none. */
      readonly add: string
    }

export interface Rewrite {
  readonly path: PathRewrite | undefined
  readonly query: QueryEdits | undefined
}

/**
 * The target to forward.
 *
 * Invariant: it is in the same normal form as one that was received, or the request is refused: what is made
 * of a path is never read more leniently than a path.
 */
export function rewriteTarget(
  target: Target,
  { path, query }: Rewrite,
  facts: ValueFacts,
): Target | Refusal {
  const newPath = path === undefined ? target.path : rewritePath(target.path, path)
  const newQuery = query === undefined ? target.query : editQuery(target.query, query, facts)
  if (isRefusal(newQuery)) return newQuery
  const parsed = parseTarget(newQuery === '' ? newPath : `${newPath}?${newQuery}`)
  if (isRefusal(parsed)) return parsed
  if (parsed.path === newPath && parsed.query === newQuery) return parsed
  return gatewayErrors.refuse('ambiguous_path', 'what the path is rewritten to has another form')
}

export function rewritePath(path: string, rewrite: PathRewrite): string {
  if (rewrite.kind === 'template') return fillPath(path, rewrite.parts)
  const kept = path.slice(rewrite.strip.length)
  const made = rewrite.add + kept
  return made === '' ? '/' : made
}

/** Parts of the path stand as they are: they are in normal form, and facts have no place in a path. */
export function fillPath(path: string, parts: Value): string {
  let made = ''
  for (const part of parts) {
    if (typeof part === 'string') made += part
    else if ('segment' in part) made += partOfPath(path, part)
  }
  return made
}

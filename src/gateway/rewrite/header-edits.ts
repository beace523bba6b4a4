import { fillIn, headerEncoding } from './values.ts'
import type { Value, ValueFacts } from './values.ts'

/** What becomes of a header section. Names are in lower case. */
export interface HeaderEdits {
  /** What is removed, `set` among it. Folded: letters, digits and `-`. */
  readonly removed: ReadonlySet<string>
  /** What is written behind the others: of `set`, then of `add`. */
  readonly written: readonly { readonly name: string; readonly value: Value }[]
}

/**
 * Applies edits, one after the other, to a flat header section in place.
 *
 * Invariant: a name that is set comes from us alone: a caller's copies go even when there is no value to
 * set, in every spelling that a service could take for it (`_` and `.` count as `-`).
 */
export function editHeaders(
  headers: string[],
  edits: readonly HeaderEdits[],
  facts: ValueFacts,
): void {
  for (const { removed, written } of edits) {
    if (removed.size > 0) removeNames(headers, removed)
    for (const { name, value } of written) {
      const filled = fillIn(value, facts, headerEncoding)
      if (filled !== undefined) headers.push(name, filled)
    }
  }
}

/**
 * Trailers may be folded into the header section, and hints stand for it: what is removed or set there is
 * not taken from them.
 */
export function withoutEdited(
  section: readonly string[],
  edits: readonly HeaderEdits[] | undefined,
): readonly string[] {
  if (edits === undefined || section.length === 0) return section
  const kept = [...section]
  for (const { removed } of edits) removeNames(kept, removed)
  return kept
}

function removeNames(headers: string[], removed: ReadonlySet<string>): void {
  let kept = 0
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? ''
    if (removed.has(foldName(name))) continue
    headers[kept] = name
    headers[kept + 1] = headers[at + 1] ?? ''
    kept += 2
  }
  headers.length = kept
}

/** As services fold names into variables: everything but letters and digits is one sign. */
export function foldName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '-')
}

import type { Pattern } from '../value/pattern.ts'

/**
 * A piece of text that every resource a pattern matches has to hold: a whole word, or what a word
 * begins with. Words are what stands between the colons and slashes of an ARN.
 */
export interface Anchor {
  readonly kind: 'word' | 'beginning'
  readonly text: string
}

/** Longest beginning that is asked for, in UTF-16 units: it bounds the look-ups per word of a request. */
export const longestBeginning = 32

const colon = 0x3a
const slash = 0x2f

/**
 * All anchors of a pattern; none for one that may match anything.
 *
 * Invariant: of a pattern with variables only the text before the first one counts, because what follows is
 * not looked at, and cannot fail, until that has matched.
 */
export function anchorsOf(pattern: Pattern): readonly Anchor[] {
  const parts = pattern.fixed === undefined ? pattern.parts.slice(0, 1) : pattern.parts
  const isWhole = pattern.fixed !== undefined
  return parts.flatMap((part, index) => {
    if (typeof part === 'string' || !('text' in part)) return []
    const isFirst = index === 0
    return anchorsIn(part.text, isFirst, isWhole && index === parts.length - 1)
  })
}

/** @param isFirst, isLast - whether the pattern begins before the text, and ends behind it. */
function anchorsIn(text: string, isFirst: boolean, isLast: boolean): Anchor[] {
  const pieces = wordsOf(text)
  return pieces.flatMap((piece, index): Anchor[] => {
    if (piece === '' || (index === 0 && !isFirst)) return []
    const isWord = index < pieces.length - 1 || isLast
    if (isWord) return [{ kind: 'word', text: piece }]
    return [{ kind: 'beginning', text: piece.slice(0, longestBeginning) }]
  })
}

/** Cuts at every colon and slash. */
export function wordsOf(text: string): string[] {
  const words: string[] = []
  let start = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit !== colon && unit !== slash) continue
    words.push(text.slice(start, at))
    start = at + 1
  }
  words.push(text.slice(start))
  return words
}

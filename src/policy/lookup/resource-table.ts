import type { CompiledStatement } from '../compile.ts'
import type { Pattern } from '../value/pattern.ts'
import { anchorsOf, wordsOf } from './anchor.ts'
import type { Anchor } from './anchor.ts'

interface Placed {
  readonly statement: CompiledStatement
  /** Where it stands in the list. */
  readonly at: number
}

/**
 * Finds statements by the words of a resource. Each pattern is kept under its rarest anchor, so that
 * statements about single orders are found by the order, whatever else they have in common.
 */
export class ResourceTable {
  readonly #words = new Map<string, Placed[]>()
  readonly #beginnings = new Map<string, Placed[]>()
  /** The lengths that beginnings have, ascending. */
  readonly #lengths: readonly number[]
  /** Statements without an anchor: tried for every resource. */
  readonly #anywhere: Placed[] = []

  constructor(statements: readonly CompiledStatement[]) {
    const frequency = countAnchors(statements)
    for (const [at, statement] of statements.entries()) {
      this.#place({ statement, at }, frequency)
    }
    const lengths = new Set([...this.#beginnings.keys()].map((text) => text.length))
    this.#lengths = [...lengths].sort((a, b) => a - b)
  }

  /** The statements whose resource may match, in their order. */
  candidates(resource: string): readonly CompiledStatement[] {
    const found = [...this.#anywhere]
    for (const word of wordsOf(resource)) {
      push(found, this.#words.get(word))
      for (const length of this.#lengths) {
        if (length > word.length) break
        push(found, this.#beginnings.get(word.slice(0, length)))
      }
    }
    return inOrder(found)
  }

  #place(placed: Placed, frequency: ReadonlyMap<string, number>): void {
    const { resource } = placed.statement
    const anchors = resource.inverted
      ? [undefined]
      : resource.patterns.map((pattern) => rarest(pattern, frequency))
    for (const anchor of anchors) {
      if (anchor === undefined) {
        this.#anywhere.push(placed)
        continue
      }
      const table = anchor.kind === 'word' ? this.#words : this.#beginnings
      const known = table.get(anchor.text)
      if (known === undefined) table.set(anchor.text, [placed])
      else known.push(placed)
    }
  }
}

function push(found: Placed[], more: readonly Placed[] | undefined): void {
  if (more === undefined) return
  for (const placed of more) found.push(placed)
}

/** Sorted and each once: a statement with several patterns may be found by several words. */
function inOrder(found: Placed[]): CompiledStatement[] {
  found.sort((a, b) => a.at - b.at)
  const statements: CompiledStatement[] = []
  for (const { statement } of found) {
    if (statement !== statements.at(-1)) statements.push(statement)
  }
  return statements
}

function countAnchors(statements: readonly CompiledStatement[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { resource } of statements) {
    for (const pattern of resource.patterns) {
      for (const anchor of anchorsOf(pattern)) {
        counts.set(keyOf(anchor), (counts.get(keyOf(anchor)) ?? 0) + 1)
      }
    }
  }
  return counts
}

/** Among equally rare ones the longest, which fewer requests hold. */
function rarest(pattern: Pattern, counts: ReadonlyMap<string, number>): Anchor | undefined {
  let best: Anchor | undefined
  let [least, longest] = [Infinity, 0]
  for (const anchor of anchorsOf(pattern)) {
    const count = counts.get(keyOf(anchor)) ?? 0
    const { length } = anchor.text
    if (count > least || (count === least && length <= longest)) continue
    best = anchor
    least = count
    longest = length
  }
  return best
}

function keyOf({ kind, text }: Anchor): string {
  return `${kind} ${text}`
}

import type { Located, PlacedDocument } from './located.ts'
import type { ConfiguredPolicy } from './model.ts'
import { pathKey, printPath, ProblemList } from './problems.ts'
import type { ConfigurationProblem, Path, ProblemCode } from './problems.ts'
import { detach } from './shape.ts'
import type { ShapeReading } from './shape.ts'
import type { ConfigurationShape } from './schema.ts'
import type { EffectiveValue, ValueSource } from './values.ts'
import { listValues } from './values.ts'

/** What a check says about one place; the draft adds the place. */
export interface Remark {
  readonly code: ProblemCode
  readonly message: string
  readonly hint: string
}

/** A policy with where it stands. */
export interface FoundDocument {
  readonly policy: ConfiguredPolicy
  readonly placed: PlacedDocument
}

/** A section whose entries are named and referred to elsewhere. */
export type NamedSection = 'upstreams' | 'groups' | 'policies' | 'roles' | 'issuers'

/**
 * A configuration while it is being checked: the shape that was read, the places its parts came from,
 * and the problems so far.
 */
export class Draft {
  readonly shape: ConfigurationShape
  readonly located: Located
  readonly problems: ProblemList
  readonly warnings = new ProblemList()
  /** Every policy document that was found to be sound, for the linter. */
  readonly documents: FoundDocument[] = []
  readonly #original: ShapeReading['original']
  /** The flag each overridden path was given by. */
  readonly #flags: ReadonlyMap<string, string>
  readonly #derived = new Set<string>()
  readonly #effective: Record<string, unknown>

  constructor(parts: {
    readonly shape: ConfigurationShape
    readonly original: ShapeReading['original']
    readonly located: Located
    readonly flags: ReadonlyMap<string, string>
    readonly problems: ProblemList
  }) {
    this.shape = parts.shape
    this.located = parts.located
    this.problems = parts.problems
    this.#original = parts.original
    this.#flags = parts.flags
    this.#effective = detach(parts.shape) as Record<string, unknown>
  }

  report(path: Path, remark: Remark, at: 'key' | 'value' = 'value'): void {
    if (this.located.unresolved.has(pathKey(this.#original(path)))) return
    this.problems.add(this.#placed(path, remark, at))
  }

  warn(path: Path, remark: Remark, at: 'key' | 'value' = 'key'): void {
    this.warnings.add(this.#placed(path, remark, at))
  }

  /** Whether the text has such an entry, even one whose own faults keep it out of `shape`. */
  knows(section: NamedSection, name: string): boolean {
    return this.names(section).includes(name)
  }

  names(section: NamedSection): readonly string[] {
    const entries = (this.located.value as Record<string, unknown>)[section]
    return typeof entries === 'object' && entries !== null ? Object.keys(entries) : []
  }

  /** Whether the text says something at the path, be it right or wrong. */
  says(path: Path): boolean {
    const key = pathKey(this.#original(path))
    return this.located.places.has(key) || this.#flags.has(key)
  }

  /** Notes a value that follows from others; one that was written stays as it is. */
  derive(path: Path, value: unknown): void {
    if (!this.says(path)) this.#derived.add(pathKey(path))
    this.note(path, value)
  }

  /** Notes a value that is used where nothing was written. */
  note(path: Path, value: unknown): void {
    let target: Record<string | number, unknown> = this.#effective
    for (const part of path.slice(0, -1)) {
      target[part] ??= Object.create(null) as object
      target = target[part] as Record<string | number, unknown>
    }
    target[path.at(-1) ?? ''] = value
  }

  /** Puts another value where nothing was written, for all that is checked after it. */
  presume(path: Path, value: string | boolean): void {
    let target = this.shape as Record<string | number, unknown>
    for (const part of path.slice(0, -1)) target = target[part] as Record<string | number, unknown>
    target[path.at(-1) ?? ''] = value
    this.derive(path, value)
  }

  /** The effective document: file-shaped, in written form. */
  get effective(): unknown {
    return this.#effective
  }

  listEffective(): readonly EffectiveValue[] {
    return listValues(this.#effective, (path) => this.#source(path))
  }

  #source(path: Path): { source: ValueSource; place?: string } {
    const key = pathKey(path)
    if (this.#flags.has(key)) return { source: 'flag' }
    if (path.some((_, index) => this.#derived.has(pathKey(path.slice(0, index + 1))))) {
      return { source: 'derived' }
    }
    const place = this.located.places.get(key)?.value
    if (place === undefined) return { source: 'default' }
    const text = `${this.located.file}:${place.line}:${place.column}`
    return { source: this.#isSubstituted(key) ? 'environment' : 'file', place: text }
  }

  /** A list is shown as one value: one item from the environment marks it. */
  #isSubstituted(key: string): boolean {
    const inside = `${key.slice(0, -1)},`
    for (const substituted of this.located.substituted) {
      if (substituted === key || substituted.startsWith(inside)) return true
    }
    return false
  }

  #placed(path: Path, remark: Remark, at: 'key' | 'value'): ConfigurationProblem {
    return placeProblem(this.located, this.#flags, this.#original(path), remark, at)
  }
}

/** Gives a remark its place: the nearest part of the path that the text has. */
export function placeProblem(
  located: Located,
  flags: ReadonlyMap<string, string>,
  path: Path,
  remark: Remark,
  at: 'key' | 'value',
): ConfigurationProblem {
  const { code, message, hint } = remark
  const flag = flags.get(pathKey(path))
  if (flag !== undefined) {
    return { file: flag, line: 1, column: 1, path: printPath(path), code, message, hint }
  }
  for (let length = path.length; length >= 0; length--) {
    const found = located.places.get(pathKey(path.slice(0, length)))
    if (found === undefined) continue
    const wanted = at === 'key' || length < path.length ? (found.key ?? found.value) : found.value
    return { file: located.file, ...wanted, path: printPath(path), code, message, hint }
  }
  return { file: located.file, line: 1, column: 1, path: printPath(path), code, message, hint }
}

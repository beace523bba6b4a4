import { Composer, isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, Parser } from 'yaml'
import type { Alias, Document, Node, Scalar, YAMLMap, YAMLSeq } from 'yaml'
import { substituteEnvironment } from './environment.ts'
import type { Environment } from './environment.ts'
import { pathKey, printPath, quote } from './problems.ts'
import type { ConfigurationSource, Path, ProblemCode, ProblemList } from './problems.ts'

/** From 1; columns in UTF-16 units. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** Plain data read from a text, and where each part of it stood. */
export interface Located {
  readonly file: string
  /** Objects in it have no prototype. */
  readonly value: unknown
  /** By `pathKey`. */
  readonly places: ReadonlyMap<string, { readonly value: Place; readonly key?: Place }>
  /** The `pathKey`s of texts in which an environment variable was put. */
  readonly substituted: ReadonlySet<string>
  /** The `pathKey`s of texts with a reference that leads nowhere; that has been reported. */
  readonly unresolved: ReadonlySet<string>
}

/** A document in a text: the whole of a policy file, or a part of the configuration. */
export interface PlacedDocument {
  readonly located: Located
  readonly at: Path
  readonly value: unknown
}

/** What reading one text may cost. */
const bounds = {
  length: 1_048_576,
  lexemes: 120_000,
  /** Entries on the parser's stack; a nested collection takes one or two. */
  parserDepth: 160,
  depth: 64,
  values: 60_000,
  aliases: 100,
  /** One slip can make the parser stumble at every symbol after it. */
  faults: 20,
  substitutedLength: 1_048_576,
}

export interface ReadingRules {
  /** JSON policies are read with the same reader, which knows positions. */
  readonly language: 'yaml' | 'json'
  /** Absent: `${...}` is ordinary text. */
  readonly environment?: Environment
}

/**
 * Reads one YAML 1.2 document (core schema) or JSON text into plain data with positions. Problems go to
 * the list; `undefined` when there is no trustworthy document. Bounded in every direction, never throws.
 */
export function readLocated(
  source: ConfigurationSource,
  rules: ReadingRules,
  problems: ProblemList,
): Located | undefined {
  const reader = new Reader(source, rules, problems)
  const document = reader.compose()
  return document === undefined ? undefined : reader.read(document)
}

class Reader {
  readonly #source: ConfigurationSource
  readonly #rules: ReadingRules
  readonly #problems: ProblemList
  readonly #lines = new LineCounter()
  readonly #places = new Map<string, { value: Place; key?: Place }>()
  readonly #substituted = new Set<string>()
  readonly #unresolved = new Set<string>()
  #values = 0
  #aliases = 0
  #substitutedLength = 0
  #failed = false

  constructor(source: ConfigurationSource, rules: ReadingRules, problems: ProblemList) {
    this.#source = source
    this.#rules = rules
    this.#problems = problems
  }

  compose(): Document.Parsed | undefined {
    const { text } = this.#source
    if (text.length > bounds.length) {
      const message = `found ${text.length} characters, expected at most ${bounds.length}`
      return this.#fail('config.too-large', 0, message, 'Split long policies into files.')
    }
    const tokens = this.#tokens()
    if (tokens === undefined) return undefined
    const schema = this.#rules.language === 'json' ? 'json' : 'core'
    const options = { schema, uniqueKeys: false, prettyErrors: false, strict: true } as const
    const [document, ...more] = [...new Composer(options).compose(tokens, true, text.length)]
    const second = more[0]
    if (second !== undefined) {
      const message = `found ${more.length + 1} documents, expected one`
      return this.#fail('config.syntax', second.range[0], message, 'Remove the `---` lines.')
    }
    return document === undefined || !this.#isSound(document) ? undefined : document
  }

  /** The parser's tokens; stops at the first sign of a text made to be expensive. */
  #tokens(): Parameters<Composer['compose']>[0] | undefined {
    this.#lines.addNewLine(0)
    const parser = new Parser(this.#lines.addNewLine)
    const tokens = []
    let lexemes = 0
    for (const lexeme of new Lexer().lex(this.#source.text)) {
      tokens.push(...parser.next(lexeme))
      if (++lexemes > bounds.lexemes) {
        const message = `found over ${bounds.lexemes} symbols, expected fewer`
        return this.#fail('config.too-large', 0, message, 'Split long policies into files.')
      }
      if (parser.stack.length > bounds.parserDepth) return this.#tooDeep(parser.offset)
    }
    tokens.push(...parser.end())
    return tokens
  }

  #isSound(document: Document.Parsed | Document): boolean {
    for (const error of [...document.errors, ...document.warnings].slice(0, bounds.faults)) {
      const [at] = error.pos
      this.#fail('config.syntax', at, `found ${lowerFirst(error.message)}`, this.#syntaxHint(at))
    }
    const version = document.directives?.yaml
    if (version?.explicit === true && version.version !== '1.2') {
      const message = `found a %YAML ${version.version} directive, expected YAML 1.2`
      this.#fail('config.syntax', 0, message, 'Remove the directive.')
    }
    return !this.#failed
  }

  #syntaxHint(at: number): string {
    if (this.#rules.language === 'json') return 'A policy file holds one JSON document.'
    const start = this.#source.text.lastIndexOf('\n', at - 1) + 1
    return this.#source.text.slice(start, at + 1).includes('${')
      ? 'Between { } or [ ] an environment reference must be quoted: "${NAME}".'
      : 'Check indentation, quotes and colons around this place.'
  }

  read(document: Document.Parsed): Located | undefined {
    const value = this.#node(document.contents, [], document)
    if (this.#failed) return undefined
    const { file } = this.#source
    const [substituted, unresolved] = [this.#substituted, this.#unresolved]
    return { file, value, places: this.#places, substituted, unresolved }
  }

  #node(node: Node | null, path: Path, document: Document.Parsed): unknown {
    if (this.#failed) return undefined
    const at = node?.range?.[0] ?? 0
    if (++this.#values > bounds.values) {
      const message = `found over ${bounds.values} values, expected fewer`
      return this.#fail('config.too-large', at, message, 'Remove what is not needed.', path)
    }
    if (path.length > bounds.depth) return this.#tooDeep(at, path)
    if (node !== null) this.#note(path, at)
    if (isAlias(node)) return this.#alias(node, path, document)
    if (isMap(node)) return this.#mapping(node, path, document)
    if (isSeq(node)) return this.#sequence(node, path, document)
    return isScalar(node) ? this.#scalar(node, path) : null
  }

  #note(path: Path, at: number): void {
    const key = pathKey(path)
    const noted = this.#places.get(key)
    this.#places.set(key, { ...noted, value: this.#place(at) })
  }

  #alias(node: Alias, path: Path, document: Document.Parsed): unknown {
    const at = node.range?.[0] ?? 0
    if (++this.#aliases > bounds.aliases) {
      const message = `found over ${bounds.aliases} aliases, expected fewer`
      return this.#fail('config.alias', at, message, 'Write the values out.', path)
    }
    const target = node.resolve(document)
    if (target === undefined) {
      const message = `found the alias ${quote(node.source)}, expected an anchor of that name before`
      return this.#fail('config.alias', at, message, `Add &${node.source} to a value.`, path)
    }
    return this.#node(target, path, document)
  }

  #mapping(node: YAMLMap, path: Path, document: Document.Parsed): unknown {
    const object = Object.create(null) as Record<string, unknown>
    for (const pair of node.items) {
      const at = (pair.key as Node | null)?.range?.[0] ?? node.range?.[0] ?? 0
      const name = this.#key(pair.key, at, path)
      if (name === undefined) continue
      if (Object.hasOwn(object, name)) {
        this.#duplicate(name, at, path)
        continue
      }
      const child = [...path, name]
      const place = this.#place(at)
      this.#places.set(pathKey(child), { value: place, key: place })
      object[name] = this.#node(pair.value as Node | null, child, document)
      if (this.#failed) break
    }
    return object
  }

  #key(node: unknown, at: number, path: Path): string | undefined {
    const name = isScalar(node) ? scalarKey(node) : undefined
    if (name !== undefined && name !== '__proto__' && name.isWellFormed()) return name
    const found = name === undefined ? 'a key that is not a text' : `the key ${quote(name)}`
    return this.#fail('config.syntax', at, `found ${found}, expected a name`, 'Rename it.', path)
  }

  #sequence(node: YAMLSeq, path: Path, document: Document.Parsed): unknown[] {
    const list: unknown[] = []
    for (const [index, item] of node.items.entries()) {
      if (this.#failed) break
      list.push(this.#node(item as Node | null, [...path, index], document))
    }
    return list
  }

  #scalar(node: Scalar, path: Path): unknown {
    const { environment } = this.#rules
    const { value } = node
    const at = node.range?.[0] ?? 0
    if (typeof value === 'number' && !Number.isFinite(value)) {
      const message = `found ${quote(node.source ?? 'NaN')}, expected a finite number`
      return this.#fail('config.value', at, message, 'Write a decimal number.', path)
    }
    if (typeof value !== 'string') return value
    if (!value.isWellFormed()) return this.#malformed(at, path)
    return environment === undefined ? value : this.#substitute(node, value, path, environment)
  }

  #substitute(node: Scalar, value: string, path: Path, environment: Environment): unknown {
    const foreign = isInPolicy(path) ? 'keep' : 'refuse'
    const { text, substituted, failures } = substituteEnvironment(value, environment, foreign)
    for (const failure of failures) this.#reportUnresolved(failure, node, path)
    if (!substituted) return value
    this.#substituted.add(pathKey(path))
    this.#substitutedLength += text.length
    if (!text.isWellFormed()) return this.#malformed(node.range?.[0] ?? 0, path)
    if (this.#substitutedLength <= bounds.substitutedLength) return text
    const message = `found over ${bounds.substitutedLength} characters from the environment, expected fewer`
    return this.#fail('config.too-large', node.range?.[0] ?? 0, message, 'Shorten them.', path)
  }

  #malformed(at: number, path: Path): undefined {
    const message = 'found a text with half a surrogate pair, expected Unicode'
    return this.#fail('config.syntax', at, message, 'Remove the escape sequence.', path)
  }

  #reportUnresolved(
    failure: { reason: 'unset' | 'syntax'; name: string },
    node: Scalar,
    path: Path,
  ): void {
    this.#unresolved.add(pathKey(path))
    const [start, end] = node.range ?? [0, 0]
    const spelled = failure.reason === 'unset' ? `\${${failure.name}` : failure.name
    const within = this.#source.text.slice(start, end).indexOf(spelled)
    const at = start + Math.max(within, 0)
    if (failure.reason === 'unset') {
      const message = `found a reference to ${failure.name}, which is not set, expected a variable that is set`
      const hint = `Set ${failure.name}, or give a default: \${${failure.name}:-value}.`
      this.#report('config.environment-unset', at, message, hint, path)
    } else {
      const message = `found ${quote(failure.name)}, expected \${NAME} or \${NAME:-default}`
      this.#report('config.environment-syntax', at, message, 'Write the reference out.', path)
    }
  }

  #duplicate(name: string, at: number, path: Path): void {
    const first = this.#places.get(pathKey([...path, name]))?.key
    const message = `found the key ${quote(name)} a second time, expected it once`
    const hint = `It is already on line ${first?.line ?? 0}: keep one of them.`
    this.#report('config.duplicate-key', at, message, hint, [...path, name])
  }

  #tooDeep(at: number, path: Path = []): undefined {
    const message = `found values nested over ${bounds.depth} deep, expected fewer`
    return this.#fail('config.too-deep', at, message, 'Flatten the document.', path)
  }

  #place(at: number): Place {
    const { line, col } = this.#lines.linePos(at)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }

  /** Reports what leaves no trustworthy document behind. */
  #fail(code: ProblemCode, at: number, message: string, hint: string, path: Path = []): undefined {
    this.#failed = true
    this.#report(code, at, message, hint, path)
  }

  #report(code: ProblemCode, at: number, message: string, hint: string, path: Path): void {
    const place = this.#place(at)
    const { file } = this.#source
    this.#problems.add({ file, ...place, path: printPath(path), code, message, hint })
  }
}

/** Whether policy variables may stand there, which look like references. */
function isInPolicy([section, , key]: Path): boolean {
  if (section === 'apis') return key === 'resourcePolicy'
  return section === 'policies' || (section === 'roles' && key === 'trust')
}

/** A key as it is spelled, so that `on`, `1` and `null` are names like any other. */
function scalarKey(node: Scalar): string | undefined {
  if (typeof node.value === 'string') return node.value
  return node.source
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

import { dirname, resolve } from 'node:path'
import { Draft, placeProblem } from './draft.ts'
import type { Environment } from './environment.ts'
import { describeReadFailure } from './files.ts'
import { readLocated } from './located.ts'
import type { Located } from './located.ts'
import type { Configuration } from './model.ts'
import { applyOverrides } from './overrides.ts'
import type { ConfigurationOverrides } from './overrides.ts'
import { pathKey, ProblemList, quote } from './problems.ts'
import type { ConfigurationProblem, ConfigurationSource } from './problems.ts'
import { resolveConfiguration } from './resolve.ts'
import { embeddedConfiguration } from './sample.ts'
import type { PolicyFiles } from './sections/access/documents.ts'
import { applyPreset } from './sections/access/preset.ts'
import { readShape } from './shape.ts'

export interface LoadInput {
  /** As the operator named it; absent: `text`, or else the configuration Proofgate carries itself. */
  readonly file?: string | undefined
  /** The content of the file, when it has been read already. */
  readonly text?: string | undefined
  readonly environment: Environment
  readonly overrides?: ConfigurationOverrides | undefined
  /** Throws when the file cannot be read; `readTextFile` is the one for real files. */
  readonly readFile: (path: string) => string
}

/** Common to both outcomes: what was read, for showing problems and for watching. */
interface Consulted {
  readonly sources: readonly ConfigurationSource[]
  /** Absolute paths of the files that were read, or should have been. */
  readonly files: readonly string[]
}

export type LoadResult = Consulted &
  (
    | {
        readonly configuration: Configuration
        readonly warnings: readonly ConfigurationProblem[]
      }
    | { readonly problems: readonly ConfigurationProblem[] }
  )

const builtIn = '(built in)'

/**
 * Reads and checks a whole configuration. Either there is a configuration that satisfies every check, or
 * all problems at once; content never makes it throw.
 */
export function loadConfiguration(input: LoadInput): LoadResult {
  return new Loading(input).load()
}

class Loading {
  readonly #input: LoadInput
  readonly #problems = new ProblemList()
  readonly #sources: ConfigurationSource[] = []
  readonly #files: string[] = []

  constructor(input: LoadInput) {
    // Copies that inherit nothing: an option left out stays out even if a prototype was polluted.
    const overrides: ConfigurationOverrides = Object.assign(bare(), input.overrides)
    this.#input = Object.assign(bare(), input, { overrides })
    const { file } = this.#input
    if (file !== undefined) this.#files.push(resolve(file))
  }

  load(): LoadResult {
    const text = this.#text()
    if (text === undefined) return this.#refused()
    const source = { file: this.#input.file ?? builtIn, text }
    this.#sources.push(source)
    const { environment } = this.#input
    const located = readLocated(source, { language: 'yaml', environment }, this.#problems)
    return located === undefined ? this.#refused() : this.#check(located)
  }

  #text(): string | undefined {
    const { file, text, readFile } = this.#input
    if (text !== undefined) return text
    if (file === undefined) return embeddedConfiguration()
    try {
      return readFile(resolve(file))
    } catch (error) {
      this.#problems.add({
        file,
        line: 1,
        column: 1,
        path: '',
        code: 'config.file',
        message: `found ${describeReadFailure(error)} at ${quote(file)}, expected a configuration`,
        hint: 'Write one with: proofgate init',
      })
      return undefined
    }
  }

  #check(located: Located): LoadResult {
    const overrides = this.#input.overrides ?? {}
    const flags = applyOverrides(located, overrides, this.#problems)
    const { problems, shape, original } = readShape(located.value)
    for (const problem of problems) {
      if (located.unresolved.has(pathKey(problem.path))) continue
      const { path, at, code, message, hint } = problem
      this.#problems.add(placeProblem(located, flags, path, { code, message, hint }, at))
    }
    if (shape === undefined) return this.#refused()
    const draft = new Draft({ shape, original, located, flags, problems: this.#problems })
    applyPreset(draft)
    const configuration = resolveConfiguration(draft, this.#policyFiles(), {
      file: this.#input.file,
      files: this.#files,
      publishedPort: overrides.publishedPort,
    })
    if (configuration === undefined) return this.#refused()
    const isOurOwn = this.#input.file === undefined && this.#input.text === undefined
    const warnings = isOurOwn ? [] : draft.warnings.sorted()
    return { configuration, warnings, ...this.#consulted() }
  }

  #policyFiles(): PolicyFiles {
    const { file, readFile } = this.#input
    const named = dirname(file ?? '.')
    return {
      base: resolve(named),
      shownBase: named === '.' ? '' : `${named}/`,
      readFile,
      onFile: (path, source) => {
        if (!this.#files.includes(path)) this.#files.push(path)
        const isNew = this.#sources.every((known) => known.file !== source?.file)
        if (source !== undefined && isNew) this.#sources.push(source)
      },
    }
  }

  #refused(): LoadResult {
    return { problems: this.#problems.sorted(), ...this.#consulted() }
  }

  #consulted(): Consulted {
    return { sources: this.#sources, files: this.#files }
  }
}

function bare(): object {
  return Object.create(null) as object
}

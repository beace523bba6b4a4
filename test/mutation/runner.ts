import { globSync, readFileSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { collection } from './collected.ts'
import type { CollectedTest } from './collected.ts'

/*
 * The way in which Stryker runs our tests: all of them in its own process. A mutant is a switch in the
 * instrumented code, so most need no more than the tests that reach it, again; where the top level of a test
 * file reaches it, that file anew. What changes while our modules load is seen by loading all of them anew.
 * A module is loaded anew under another address.
 */

/** Files whose tests say nothing about single lines: what they hold is random, about documents or elsewhere. */
const leftOut = /\/(?:documentation|lint|reference)[a-z-]*\.test\.ts$/

/** Tests that take longer, in milliseconds, are not asked about mutants of which nobody knows who reaches them. */
const longestForAll = 60

interface Mutant {
  readonly testFilter?: readonly string[]
  readonly hitLimit?: number
  readonly activeMutant: { readonly id: string }
  readonly mutantActivation: 'runtime' | 'static'
  readonly reloadEnvironment: boolean
}

/** What the instrumented code reads and writes. */
interface Instrumentation {
  activeMutant?: string | undefined
  currentTestId?: string | undefined
  hitCount?: number | undefined
  hitLimit?: number | undefined
  mutantCoverage?: unknown
}

interface Coverage {
  /** By test, how often each mutant is reached. */
  readonly perTest: Record<string, Record<string, number>>
}

const instrumentation: Instrumentation = ((globalThis as any).__stryker__ ??= {})
const replaced: Readonly<Record<string, string>> = {
  'node:test': new URL('node-test.ts', import.meta.url).href,
  'fast-check': new URL('fast-check.ts', import.meta.url).href,
}
/** How often all modules, and how often single test files were loaded. */
const generation = { all: 0, tests: 0 }

/** Gives every module below `src` and `test` an address of its own generation, and takes its types out once. */
function watchImports(): void {
  const root = pathToFileURL(`${process.cwd()}/`).href
  const sources = new Map<string, string>()
  registerHooks({
    resolve(specifier, context, next) {
      const from = context.parentURL ?? ''
      const other = from.includes('/test/mutation/') ? undefined : replaced[specifier]
      if (other !== undefined) return { url: other, shortCircuit: true }
      const resolved = next(specifier, context)
      const url = resolved.url.replace(/\?.*/, '')
      if (!url.startsWith(root) || /node_modules|\/test\/mutation\//.test(url)) return resolved
      const again = url.endsWith('.test.ts') ? `.${generation.tests}` : ''
      return { ...resolved, url: `${url}?${generation.all}${again}` }
    },
    load(url, context, next) {
      if (!url.startsWith(root) || !url.includes('.ts?')) return next(url, context)
      const file = fileURLToPath(url.replace(/\?.*/, ''))
      const source = sources.get(file) ?? stripTypeScriptTypes(readFileSync(file, 'utf8'))
      sources.set(file, source)
      return { format: 'module', source, shortCircuit: true }
    },
  })
}

class InProcessRunner {
  /** By file. */
  #tests: ReadonlyMap<string, readonly CollectedTest[]> = new Map()
  /** The mutants that the top level of each file reaches. */
  readonly #reached = new Map<string, ReadonlySet<string>>()
  /** How long each took without a mutant: the quickest are asked first. */
  readonly #milliseconds = new Map<string, number>()
  /** Whether what is loaded was loaded without a mutant. */
  #isClean = false

  capabilities(): object {
    return { reloadEnvironment: true }
  }

  async init(): Promise<void> {
    process.env['PROOFGATE_TEST_STATEMENTS'] = '500'
    watchImports()
    await Promise.resolve()
  }

  async dryRun(): Promise<object> {
    try {
      await this.#load(undefined)
    } catch (error) {
      return { status: 'error', errorMessage: String(error) }
    }
    const tests = []
    for (const test of [...this.#tests.values()].flat()) {
      const begun = process.cpuUsage()
      const failureMessage = await failureOf(test)
      const timeSpentMs = Math.round(process.cpuUsage(begun).user / 1000)
      this.#milliseconds.set(test.id, timeSpentMs)
      const [status, name] = [failureMessage === undefined ? 0 : 1, test.id]
      tests.push({ id: test.id, name, timeSpentMs, status, failureMessage })
    }
    return { status: 'complete', tests, mutantCoverage: this.#coverage() }
  }

  async mutantRun({ activeMutant, testFilter, hitLimit, ...how }: Mutant): Promise<object> {
    const { id } = activeMutant
    let tests: readonly CollectedTest[] = []
    let failed: { readonly id: string; readonly message: string } | undefined
    try {
      if (how.reloadEnvironment) await this.#load(id)
      else if (!this.#isClean) await this.#load(undefined)
      instrumentation.hitCount = hitLimit === undefined ? undefined : 0
      instrumentation.hitLimit = hitLimit
      instrumentation.activeMutant = id
      const found = how.reloadEnvironment ? [...this.#tests.values()] : await this.#reload(id)
      tests = found
        .flat()
        .filter((test) => testFilter?.includes(test.id) ?? this.#timeOf(test) < longestForAll)
      failed = await firstFailure(this.#quickestFirst(tests))
    } catch (error) {
      failed = { id: 'loading', message: String(error) }
    }
    const isEndless = (instrumentation.hitCount ?? 0) > (hitLimit ?? Infinity)
    instrumentation.activeMutant = undefined
    instrumentation.hitLimit = undefined
    instrumentation.hitCount = undefined
    if (isEndless) return { status: 'timeout' }
    const nrOfTests = tests.length
    if (failed === undefined) return { status: 'survived', nrOfTests }
    return { status: 'killed', killedBy: [failed.id], failureMessage: failed.message, nrOfTests }
  }

  #quickestFirst(tests: readonly CollectedTest[]): readonly CollectedTest[] {
    return [...tests].sort((a, b) => this.#timeOf(a) - this.#timeOf(b))
  }

  #timeOf({ id }: CollectedTest): number {
    return this.#milliseconds.get(id) ?? 0
  }

  /** Loads everything anew, under a mutant if one is named. */
  async #load(mutant: string | undefined): Promise<void> {
    this.#isClean = false
    generation.all++
    instrumentation.activeMutant = mutant
    await importFile('src/policy/index.ts')
    const files = globSync('test/policy/*.test.ts').filter((file) => !leftOut.test(file))
    const tests = new Map<string, readonly CollectedTest[]>()
    for (const file of files.sort()) {
      tests.set(file, await collect(file))
      if (mutant !== undefined) continue
      const { [file]: reached = {} } = coverage().perTest
      this.#reached.set(file, new Set(Object.keys(reached)))
    }
    this.#tests = tests
    this.#isClean = mutant === undefined
  }

  /** The tests, with those files loaded anew whose top level the mutant could change. */
  async #reload(mutant: string): Promise<readonly (readonly CollectedTest[])[]> {
    generation.tests++
    const found: (readonly CollectedTest[])[] = []
    for (const [file, tests] of this.#tests) {
      const isReached = this.#reached.get(file)?.has(mutant) === true
      found.push(isReached ? await collect(file) : tests)
    }
    return found
  }

  /** What the top level of a file reaches, every test of it reaches. */
  #coverage(): Coverage {
    const found = coverage()
    for (const [file, tests] of this.#tests) {
      const { [file]: reached = {} } = found.perTest
      delete found.perTest[file]
      for (const { id } of tests) {
        const own = (found.perTest[id] ??= {})
        for (const [mutant, hits] of Object.entries(reached))
          own[mutant] = (own[mutant] ?? 0) + hits
      }
    }
    return found
  }
}

function coverage(): Coverage {
  return (instrumentation.mutantCoverage ??= { static: {}, perTest: {} } as Coverage) as Coverage
}

async function importFile(file: string): Promise<void> {
  await import(pathToFileURL(resolve(file)).href)
}

/** Loads a file of tests, and says which it has. */
async function collect(file: string): Promise<readonly CollectedTest[]> {
  const collected = collection()
  collected.file = file
  collected.tests = []
  instrumentation.currentTestId = file
  try {
    await importFile(file)
  } finally {
    instrumentation.currentTestId = undefined
  }
  return collected.tests
}

async function firstFailure(
  tests: readonly CollectedTest[],
): Promise<{ readonly id: string; readonly message: string } | undefined> {
  for (const { id, run } of tests) {
    const message = await failureOf({ id, run })
    if (message !== undefined) return { id, message }
  }
  return undefined
}

async function failureOf({ id, run }: CollectedTest): Promise<string | undefined> {
  instrumentation.currentTestId = id
  try {
    await run()
    return undefined
  } catch (error) {
    return String(error)
  } finally {
    instrumentation.currentTestId = undefined
  }
}

export const strykerPlugins = [
  { kind: 'TestRunner', name: 'node-test-in-process', injectableClass: InProcessRunner },
]

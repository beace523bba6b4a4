import { globSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

import { collection } from './collected.ts'
import type { CollectedTest } from './collected.ts'

/*
 * The way in which Stryker runs our tests: all of them in its own process, loaded once. A mutant is a
 * switch in the instrumented code, so most need no more than their own tests, again. What a mutant changes
 * while modules load is seen by loading all of them anew, under other addresses.
 */

/** Files whose tests say nothing about single lines: what they hold is random, about documents or elsewhere. */
const leftOut = /\/(?:documentation|lint|reference|simulation)[a-z-]*\.test\.ts$/

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

const instrumentation: Instrumentation = ((globalThis as any).__stryker__ ??= {})
const replaced: Readonly<Record<string, string>> = {
  'node:test': new URL('node-test.ts', import.meta.url).href,
  'fast-check': new URL('fast-check.ts', import.meta.url).href,
}
let generation = 0

/** Gives every module below `src` and `test` an address of its own generation. */
function watchImports(): void {
  const root = pathToFileURL(`${process.cwd()}/`).href
  registerHooks({
    resolve(specifier, context, next) {
      const from = context.parentURL ?? ''
      const other = from.includes('/test/mutation/') ? undefined : replaced[specifier]
      if (other !== undefined) return { url: other, shortCircuit: true }
      const resolved = next(specifier, context)
      const { url } = resolved
      const isOurs = url.startsWith(root) && !/node_modules|\/test\/mutation\//.test(url)
      return isOurs ? { ...resolved, url: `${url.replace(/\?.*/, '')}?${generation}` } : resolved
    },
  })
}

class InProcessRunner {
  #tests: readonly CollectedTest[] = []
  /** How long each took without a mutant: the quickest are asked first. */
  readonly #milliseconds = new Map<string, number>()

  capabilities(): object {
    return { reloadEnvironment: true }
  }

  async init(): Promise<void> {
    watchImports()
    await Promise.resolve()
  }

  async dryRun(): Promise<object> {
    const failure = await this.#load()
    if (failure !== undefined) return { status: 'error', errorMessage: failure }
    const tests = []
    for (const test of this.#tests) {
      const begun = performance.now()
      const failureMessage = await failureOf(test)
      const timeSpentMs = Math.round(performance.now() - begun)
      this.#milliseconds.set(test.id, timeSpentMs)
      const [status, name] = [failureMessage === undefined ? 0 : 1, test.id]
      tests.push({ id: test.id, name, timeSpentMs, status, failureMessage })
    }
    return { status: 'complete', tests, mutantCoverage: instrumentation.mutantCoverage }
  }

  async mutantRun(mutant: Mutant): Promise<object> {
    instrumentation.hitCount = mutant.hitLimit === undefined ? undefined : 0
    instrumentation.hitLimit = mutant.hitLimit
    const { id } = mutant.activeMutant
    if (mutant.mutantActivation === 'static') instrumentation.activeMutant = id
    let failure = mutant.reloadEnvironment ? await this.#load() : undefined
    instrumentation.activeMutant = id
    const { testFilter } = mutant
    const tests = this.#tests.filter((test) => testFilter?.includes(test.id) ?? true)
    const timeOf = ({ id }: CollectedTest): number => this.#milliseconds.get(id) ?? 0
    tests.sort((a, b) => timeOf(a) - timeOf(b))
    const ran = failure === undefined ? await firstFailure(tests) : undefined
    instrumentation.activeMutant = undefined
    failure ??= ran?.message
    if ((instrumentation.hitCount ?? 0) > (mutant.hitLimit ?? Infinity))
      return { status: 'timeout' }
    if (failure === undefined) return { status: 'survived', nrOfTests: tests.length }
    const killedBy = [ran?.id ?? 'loading']
    return { status: 'killed', killedBy, failureMessage: failure, nrOfTests: tests.length }
  }

  /** Loads the tests and all they import anew; says what failed while they did. */
  async #load(): Promise<string | undefined> {
    generation++
    const collected = collection()
    collected.tests = []
    const files = globSync('test/policy/*.test.ts').filter((file) => !leftOut.test(file))
    try {
      for (const file of files.sort()) {
        collected.file = file
        await import(pathToFileURL(resolve(file)).href)
      }
    } catch (error) {
      return String(error)
    }
    this.#tests = collected.tests
    return undefined
  }
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

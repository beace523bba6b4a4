import { loadConfiguration } from '../../src/config/index.ts'
import type { Configuration, ConfigurationProblem, LoadInput } from '../../src/config/index.ts'

/** Files that exist only in the test, by absolute path. */
export function filesOf(files: Readonly<Record<string, string>>): (path: string) => string {
  return (path) => {
    if (Object.hasOwn(files, path)) return files[path]!
    throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
  }
}

export function load(
  text: string,
  more: Partial<LoadInput> = {},
): ReturnType<typeof loadConfiguration> {
  return loadConfiguration({
    file: '/etc/pg/proofgate.yaml',
    text,
    environment: {},
    readFile: filesOf({}),
    ...more,
  })
}

export function problemsOf(
  text: string,
  more: Partial<LoadInput> = {},
): readonly ConfigurationProblem[] {
  const result = load(text, more)
  return 'problems' in result ? result.problems : []
}

export function warningsOf(
  text: string,
  more: Partial<LoadInput> = {},
): readonly ConfigurationProblem[] {
  const result = load(text, more)
  if ('problems' in result) throw new Error(JSON.stringify(result.problems, null, 2))
  return result.warnings
}

export function configurationOf(text: string, more: Partial<LoadInput> = {}): Configuration {
  const result = load(text, more)
  if ('problems' in result) throw new Error(JSON.stringify(result.problems, null, 2))
  return result.configuration
}

/** `line:column code`, the part of a problem that tools depend on. */
export function placed(problems: readonly ConfigurationProblem[]): string[] {
  return problems.map((problem) => `${problem.line}:${problem.column} ${problem.code}`)
}

/** An API to which single lines are added; it loads without problems. */
export const small = `version: 1
upstreams:
  orders: { url: http://127.0.0.1:8090 }
apis:
  orders:
    upstream: orders
    routes: [{ method: GET, path: /orders }]
`

import type { JsonObject } from '../core/index.ts'
import { hideUserInfo } from './problems.ts'
import type { ConfigurationProblem, ConfigurationSource } from './problems.ts'

const widestLine = 120

/**
 * Problems for people, in the order given:
 *
 *     proofgate.yaml:12:9  config.port  found 70000, expected a port number, 0 to 65535
 *          12 |   port: 70000
 *             |         ^
 *         0 lets the system choose a free port.
 */
export function printProblems(
  problems: readonly ConfigurationProblem[],
  sources: readonly ConfigurationSource[],
): string {
  return problems.map((problem) => printProblem(problem, sources)).join('\n')
}

function printProblem(
  problem: ConfigurationProblem,
  sources: readonly ConfigurationSource[],
): string {
  const { file, line, column, code, message, hint } = problem
  // A flag is one word: it has no lines.
  const place = file.startsWith('--') ? file : `${file}:${line}:${column}`
  const source = sources.find((candidate) => candidate.file === file)
  const excerpt = source === undefined ? [] : printExcerpt(source.text, line, column)
  return [`${withoutControls(place)}  ${code}  ${message}`, ...excerpt, `    ${hint}`, ''].join(
    '\n',
  )
}

function printExcerpt(text: string, line: number, column: number): string[] {
  const found = lineAt(text, line)
  if (found === undefined || found.trim() === '') return []
  const from = Math.max(0, column - 1 - widestLine / 2)
  const shown = hideSecrets(withoutControls(found)).slice(from, from + widestLine)
  const margin = `${' '.repeat(8 - Math.min(8, String(line).length))}${line} | `
  const caret = `${' '.repeat(8)} | ${' '.repeat(Math.max(0, column - 1 - from))}^`
  return [`${margin}${shown}`, caret]
}

/** Without splitting a megabyte into lines for each problem. */
function lineAt(text: string, line: number): string | undefined {
  let start = 0
  for (let at = 1; at < line; at++) {
    const end = text.indexOf('\n', start)
    if (end === -1) return undefined
    start = end + 1
  }
  const end = text.indexOf('\n', start)
  return text.slice(start, end === -1 ? undefined : end)
}

/** Invariant: an excerpt shows no password in a URL, and nothing from the value of a secret on. */
function hideSecrets(line: string): string {
  return hideUserInfo(line).replace(
    /(secret["']?\s*:\s*)(\S.*)$/i,
    (_, key: string, rest: string) => `${key}${'*'.repeat(rest.length)}`,
  )
}

/** One character for one, so that the caret stays in its place. */
function withoutControls(text: string): string {
  return text.replace(
    /[\p{Cc}\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu,
    (char) => (char === '\t' ? ' ' : '\u00b7'),
  )
}

/** The same for programs. */
export function problemsJson(problems: readonly ConfigurationProblem[]): JsonObject {
  return {
    problems: problems.map(({ file, line, column, path, code, message, hint }) => ({
      file,
      line,
      column,
      path,
      code,
      message,
      hint,
    })),
  }
}

import { compilePolicies } from '../compile.ts'
import type { PolicySource } from '../compile.ts'
import type { DeclaredKeys } from '../keys/schema.ts'
import { lintConditions } from './conditions.ts'
import { lintCoverage } from './coverage.ts'
import type { LintFinding } from './finding.ts'
import { Effort } from './globs.ts'
import { Reach } from './reach.ts'
import type { LintRoute } from './reach.ts'
import { lintStatement } from './statements.ts'
import { Findings } from './subject.ts'
import type { Subject } from './subject.ts'
import { lintPlainText, lintVariables } from './variables.ts'

export type LintSource = PolicySource

/** What documents are judged by. */
export interface LintSetting {
  /** `undefined` when no configuration is known: any key of a family may then exist. */
  readonly declared: DeclaredKeys | undefined
  /** Routes that ask policies; `undefined` when they are not known. */
  readonly routes: readonly LintRoute[] | undefined
}

/** Steps that all comparisons of patterns may take together: less than a second. */
const mostSteps = 20_000_000

/**
 * Judges documents that are sound in themselves by the schema of the condition keys and by the routes
 * there are. Takes bounded time, whatever the documents hold.
 */
export function lintPolicies(
  sources: readonly LintSource[],
  setting: LintSetting,
): readonly LintFinding[] {
  const findings = new Findings()
  const effort = new Effort(mostSteps)
  const reach = setting.routes === undefined ? undefined : new Reach(setting.routes)
  let isReported = false
  for (const source of sources) {
    const subjects = subjectsOf(source)
    for (const subject of subjects) {
      lintConditions(subject, setting.declared, findings)
      if (source.document.version === '2012-10-17') {
        lintVariables(subject, setting.declared, findings)
      } else lintPlainText(subject, findings)
      lintStatement(subject, { reach, effort }, findings)
    }
    lintCoverage(subjects, effort, findings)
    if (effort.isSpent && !isReported) {
      isReported = true
      reportUnchecked(subjects, findings)
    }
  }
  return findings.found
}

function reportUnchecked(subjects: readonly Subject[], findings: Findings): void {
  const last = subjects.at(-1)
  if (last === undefined) return
  findings.add(last, [], {
    code: 'policy.warn_unchecked',
    message:
      'the policies are too large: from here on none was compared with others and with routes',
    hint: 'use fewer or shorter patterns',
  })
}

function subjectsOf(source: LintSource): readonly Subject[] {
  const { statements } = compilePolicies([source])
  return source.document.statements.flatMap((parsed, index) => {
    const compiled = statements[index]
    return compiled === undefined ? [] : [{ index, parsed, compiled }]
  })
}

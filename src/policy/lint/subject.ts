import type { CompiledStatement } from '../compile.ts'
import { within } from '../document/problem.ts'
import type { Statement } from '../document/statement.ts'
import { severityOf } from './finding.ts'
import type { LintCode, LintFinding } from './finding.ts'

/** A statement under the linter's eyes. */
export interface Subject {
  readonly index: number
  readonly parsed: Statement
  readonly compiled: CompiledStatement
}

/** Where in a statement something was found: names and indexes from the statement on. */
export type Inside = readonly (string | number)[]

export class Findings {
  readonly found: LintFinding[] = []

  add(
    { index, compiled }: Subject,
    inside: Inside,
    finding: { readonly code: LintCode; readonly message: string; readonly hint: string },
  ): void {
    const { code, message, hint } = finding
    this.found.push({
      code,
      severity: severityOf(code),
      policy: compiled.policy,
      statement: compiled.label,
      place: compiled.place,
      pointer: inside.reduce<string>(within, within('/Statement', index)),
      message,
      hint,
    })
  }
}

import type { Instant } from '../../core/index.ts'

/** Something the policies have to answer as it says. */
export interface ConfiguredPolicyTest {
  /** Unlike that of every other test. */
  readonly name: string
  /** Nobody known when absent. */
  readonly who: TestedCaller | undefined
  readonly request: TestedRequest
  /** Facts by condition key, in place of what the gateway would find; an empty list is an absent fact. */
  readonly facts: Readonly<Record<string, string | readonly string[]>>
  /** When it is made; now when absent. */
  readonly at: Instant | undefined
  readonly expect: 'allow' | 'deny'
  /** What has to decide: `POLICY/STATEMENT`, a policy, or the code of a reason. */
  readonly by: string | undefined
  /** Where the expectation is written. */
  readonly place: {
    readonly file: string
    readonly line: number
    readonly column: number
    readonly path: string
  }
}

export interface TestedCaller {
  readonly username: string
  /** Besides those that the configuration gives them. */
  readonly groups: readonly string[]
  /** The role they took; without one those count that they hold. */
  readonly role: string | undefined
}

/** A URL with its host, or a path of an API that is named. */
export type TestedRequest =
  | { readonly method: string; readonly url: string }
  | { readonly method: string; readonly api: string; readonly path: string }

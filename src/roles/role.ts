import type { Millis } from '../core/index.ts'
import type { CompiledPolicies } from '../policy/index.ts'

/** What may be done by whoever holds or takes it, and who that is. */
export interface Role {
  readonly name: string
  readonly arn: string
  readonly description: string
  /** Says who may take it, on which facts; of kind `trust`. */
  readonly trust: CompiledPolicies
  /** What it allows. */
  readonly identity: CompiledPolicies
  readonly boundary: CompiledPolicies | undefined
  /** Whether whoever its trust policy allows holds it without taking it. */
  readonly automatic: boolean
  /** Longest time for which it may be taken at once. */
  readonly maximumSession: Millis
  /** By name; they replace those of the person who takes it. */
  readonly tags: ReadonlyMap<string, string>
}

export function roleArn(account: string, name: string): string {
  return `arn:aws:iam::${account}:role/${name}`
}

/**
 * Names somebody in a role.
 *
 * @param holder - a user name, which has no `/` in it.
 */
export function roleSessionArn(account: string, role: string, holder: string): string {
  return `arn:aws:sts::${account}:assumed-role/${role}/${holder}`
}

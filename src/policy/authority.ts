import { compilePolicies } from './compile.ts'
import type { CompiledPolicies } from './compile.ts'

/**
 * One way in which a principal may do things: what is allowed by `identity`, as far as `boundary` and
 * `session` allow it too. A person has one for what is attached to them and their groups, and one for
 * each role.
 */
export interface Grant {
  readonly identity: CompiledPolicies
  /** Most that the grant can ever be worth. */
  readonly boundary: CompiledPolicies | undefined
  /** What the token was narrowed to. */
  readonly session: CompiledPolicies | undefined
  /** A second boundary: that of the person, on what one of their roles allows. */
  readonly ceiling: CompiledPolicies | undefined
}

/** Everything that says what one principal may do. */
export interface Authority {
  /** Any one of them is enough. Nobody known has none. */
  readonly grants: readonly Grant[]
  /** Policies of which only the Deny statements count: those of the person, while a role is taken. */
  readonly denies: readonly CompiledPolicies[]
  /** Whether only the grants count, and no Allow of a resource policy can take the place of one. */
  readonly grantsOnly: boolean
  /** What a token was narrowed to: it limits also what a resource policy gives to its owner by name. */
  readonly narrowing: CompiledPolicies | undefined
}

/** The authority of somebody with one set of policies and nothing else. */
export function authorityOf(identity: CompiledPolicies): Authority {
  return {
    grants: [{ identity, boundary: undefined, session: undefined, ceiling: undefined }],
    denies: [],
    grantsOnly: false,
    narrowing: undefined,
  }
}

/** The policies of somebody who has none. */
export const noPolicies: CompiledPolicies = compilePolicies([])

/** The authority of nobody known. */
export const noAuthority: Authority = Object.freeze({
  grants: [],
  denies: [],
  grantsOnly: false,
  narrowing: undefined,
})

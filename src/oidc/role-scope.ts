import type { Millis } from '../core/index.ts'

/** A role that tokens can be for. Whether somebody holds it is decided at each request, not here. */
export interface TakeableRole {
  readonly name: string
  /** From the sign-in in which it was taken. */
  readonly maximumSession: Millis
}

const prefix = 'role:'

/** The scope by which a client asks for tokens that are for a role and for nothing else. */
export function roleScope(name: string): string {
  return `${prefix}${name}`
}

export function isRoleScope(scope: string): boolean {
  return scope.startsWith(prefix)
}

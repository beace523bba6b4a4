import { credentialKeys, proofKeys } from './credential-keys.ts'
import { issuerClaims, keyFamilies } from './families.ts'
import type { ContextKey, KeyFamily } from './key.ts'
import { principalKeys, signInKeys } from './principal-keys.ts'
import { certificateKeys, requestKeys } from './request-keys.ts'

/** The condition keys of the gateway, as the documentation lists them. */
export const contextKeys: readonly ContextKey[] = [
  ...requestKeys,
  ...principalKeys,
  ...signInKeys,
  ...credentialKeys,
  ...proofKeys,
  ...certificateKeys,
]

/** What a configuration says of the keys of families. All names are in lower case. */
export interface DeclaredKeys {
  /** Whole keys: `aws:principaltag/team`, `proofgate:header/x-tenant`, `okta:department`. */
  readonly keys: ReadonlySet<string>
  readonly issuers: ReadonlySet<string>
}

const byName = new Map<string, ContextKey>(
  contextKeys.map((key) => [key.name.toLowerCase(), key] as const),
)

/** The family a key belongs to by the way it is written; prefixes of ours are of no issuer. */
export function familyOf(lowercaseKey: string): KeyFamily | undefined {
  const family = keyFamilies.find(
    ({ prefix }) =>
      prefix !== undefined &&
      lowercaseKey.startsWith(prefix) &&
      lowercaseKey.length > prefix.length,
  )
  if (family !== undefined) return family
  const prefix = lowercaseKey.slice(0, lowercaseKey.indexOf(':'))
  return ownPrefixes.has(prefix) ? undefined : issuerClaims
}

/** Prefixes of keys that an issuer cannot have as its name. */
export const ownPrefixes: ReadonlySet<string> = new Set(['aws', 'proofgate'])

export function findKey(lowercaseKey: string): ContextKey | undefined {
  return byName.get(lowercaseKey) ?? familyOf(lowercaseKey)
}

/** Whether the key holds a list whatever the request. */
export function isListKey(lowercaseKey: string): boolean {
  return findKey(lowercaseKey)?.several === 'always'
}

/** What is known of a key under one configuration. */
export type KeyStanding =
  | { readonly kind: 'known'; readonly key: ContextKey }
  /** Of a family, but no part of the configuration makes it: it is absent from every request. */
  | { readonly kind: 'undeclared'; readonly key: KeyFamily }
  | { readonly kind: 'unknown' }

/**
 * Looks a key up.
 *
 * @param declared - `undefined` when no configuration is known: then any key of a family may exist.
 */
export function standingOf(lowercaseKey: string, declared: DeclaredKeys | undefined): KeyStanding {
  const own = byName.get(lowercaseKey)
  if (own !== undefined) return { kind: 'known', key: own }
  const family = familyOf(lowercaseKey)
  if (family === undefined) return { kind: 'unknown' }
  if (declared === undefined || declared.keys.has(lowercaseKey)) {
    return { kind: 'known', key: family }
  }
  const isOfIssuer = declared.issuers.has(lowercaseKey.slice(0, lowercaseKey.indexOf(':')))
  if (family === issuerClaims && !isOfIssuer) return { kind: 'unknown' }
  return { kind: 'undeclared', key: family }
}

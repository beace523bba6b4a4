/**
 * Facts about one request. Keys come in lower case; `undefined` means the request has no such fact.
 * Numbers, dates and booleans are given as text (`"300"`, `"2026-11-22T09:00:00Z"`, `"true"`). A list
 * is a fact with several values; an empty list counts as absent. Called only for keys that a statement
 * under evaluation names, so a lookup may compute its answer. What it throws denies the request.
 */
export type ContextLookup = (lowercaseKey: string) => string | readonly string[] | undefined

/** A context value that is not of the type its operator or variable needs. Denies the request. */
export class ContextValueError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ContextValueError'
  }
}

/**
 * What a lookup throws for a fact that it does not know, in an analysis without a request. A request
 * always knows whether it has a fact; there it denies like every other error.
 */
export class UnknownFactError extends Error {
  readonly key: string

  constructor(key: string) {
    super(key)
    this.name = 'UnknownFactError'
    this.key = key
  }
}

/** Reads a fact; an empty list is an absent fact. */
export function readContext(
  context: ContextLookup,
  lowercaseKey: string,
): string | readonly string[] | undefined {
  const found: unknown = context(lowercaseKey)
  if (typeof found === 'string' || found === undefined) return found
  if (!Array.isArray(found)) throw new ContextValueError(`${lowercaseKey} is not text or a list`)
  return found.length === 0 ? undefined : (found as readonly string[])
}

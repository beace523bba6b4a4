import type { Json } from '../../core/index.ts'
import { foldName } from '../rewrite/header-edits.ts'
import { readParameter } from '../rewrite/query.ts'
import type { ContextFacts } from './context.ts'

const principalTag = 'aws:principaltag/'

/**
 * Facts that exist because the configuration declares them: tags, headers and query parameters of a route,
 * and claims of an external issuer.
 */
export function declaredFact(
  key: string,
  { call, principal }: ContextFacts,
): string | readonly string[] | undefined {
  if (key.startsWith(principalTag)) return principal.tags.get(key.slice(principalTag.length))
  const { conditions, authorizer } = call.route
  if (authorizer.kind === 'issuer' && principal.kind === 'external') {
    const claim = authorizer.claims.get(key)
    if (claim !== undefined) return claimFact(principal.claims, claim)
  }
  if (conditions === undefined) return undefined
  const { tags, headers, parameters } = conditions
  const header = headers.get(key)
  if (header !== undefined) return headerLines(call.incoming.request.rawHeaders, header)
  const parameter = parameters.get(key)
  if (parameter === undefined) return tags.get(key)
  return readParameter(call.target.query, parameter)
}

/**
 * The value of each line. Invariant: every spelling that a service could take for the name counts, because
 * services fold `_` and `.` into `-`.
 */
function headerLines(rawHeaders: readonly string[], folded: string): readonly string[] {
  const values: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (foldName(rawHeaders[at] ?? '') === folded) values.push(rawHeaders[at + 1] ?? '')
  }
  return values
}

/** Invariant: a claim that is neither text, a number nor a boolean is not taken for absent; it denies. */
function claimFact(
  claims: Readonly<Record<string, Json>>,
  name: string,
): string | readonly string[] | undefined {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined
  if (value === undefined || value === null) return undefined
  return Array.isArray(value) ? value.map((item: Json) => textOf(item, name)) : textOf(value, name)
}

function textOf(value: Json, name: string): string {
  if (typeof value === 'object') throw new TypeError(`the claim ${name} holds what is no text`)
  return String(value)
}

import type { Draft } from '../draft.ts'
import type { ConfiguredRoute } from '../model.ts'
import { quote } from '../problems.ts'
import type { Path } from '../problems.ts'
import type { RouteShape } from '../schema.ts'

/** What the route lets conditions see. */
export function resolveConditions(
  draft: Draft,
  path: Path,
  shape: RouteShape,
): Pick<ConfiguredRoute, 'tags' | 'conditionHeaders' | 'conditionQuery'> {
  const { tags, conditionHeaders, conditionQuery } = shape
  for (const [index, name] of conditionHeaders.entries()) {
    if (!secrets.has(name.toLowerCase())) continue
    draft.report([...path, 'conditionHeaders', index], {
      code: 'config.header-name',
      message: `found ${quote(name)}, expected a header without a secret`,
      hint: 'Explanations show the values that conditions compare.',
    })
  }
  return { tags: { ...tags }, conditionHeaders, conditionQuery }
}

const secrets: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'dpop',
  'proxy-authorization',
])

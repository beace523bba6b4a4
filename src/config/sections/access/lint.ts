import { lintPolicies } from '../../../policy/index.ts'
import type { DeclaredKeys, LintRoute, LintSetting } from '../../../policy/index.ts'
import type { Draft, FoundDocument } from '../../draft.ts'
import type { Configuration, ConfiguredApi, PathSegment } from '../../model.ts'
import type { ProblemList } from '../../problems.ts'
import { locate } from './documents.ts'

/** The parts of a configuration that say which condition keys and which resources there are. */
export type LintedParts = Pick<
  Configuration,
  'region' | 'account' | 'people' | 'roles' | 'issuers' | 'apis'
>

/**
 * Judges the policies by the rest of the configuration. While that has faults of its own, only what is wrong
 * in any case is reported, because what it declares is not known.
 */
export function lintConfigured(draft: Draft, parts: LintedParts): void {
  const setting =
    draft.problems.size > 0 ? { declared: undefined, routes: undefined } : lintSettingOf(parts)
  reportFindings(draft.documents, setting, draft)
}

/** Lints and gives every finding its place. What is read as two kinds is judged as the last of them. */
export function reportFindings(
  documents: readonly FoundDocument[],
  setting: LintSetting,
  lists: { readonly problems: ProblemList; readonly warnings: ProblemList },
): void {
  const policies = new Map(documents.map(({ placed, policy }) => [placed, policy]))
  const placedByName = new Map([...policies].map(([placed, { name }]) => [name, placed]))
  for (const finding of lintPolicies([...policies.values()], setting)) {
    const placed = placedByName.get(finding.policy)
    if (placed === undefined) continue
    const list = finding.severity === 'error' ? lists.problems : lists.warnings
    const pointer = pointerIn(placed.value, finding.pointer)
    list.add(locate(placed, { ...finding, pointer }, 'key'))
  }
}

/** A document may hold one statement in place of a list. */
function pointerIn(document: unknown, pointer: string): string {
  const isObject = typeof document === 'object' && document !== null
  const statements: unknown = isObject ? Reflect.get(document, 'Statement') : undefined
  return Array.isArray(statements) ? pointer : pointer.replace('/Statement/0', '/Statement')
}

/** What the linter has to know of a configuration. Without any route there is nothing to compare with. */
export function lintSettingOf(parts: LintedParts): LintSetting {
  const routes = parts.apis.flatMap((api) => routesOf(api, parts))
  return { declared: declaredKeys(parts), routes: routes.length === 0 ? undefined : routes }
}

function declaredKeys({ people, roles, issuers, apis }: LintedParts): DeclaredKeys {
  const routes = apis.flatMap((api) => api.routes)
  const keys = [
    ...[...people, ...roles].flatMap(({ tags }) =>
      Object.keys(tags).map((tag) => `aws:PrincipalTag/${tag}`),
    ),
    ...routes.flatMap(({ tags }) => Object.keys(tags).map((tag) => `proofgate:RouteTag/${tag}`)),
    ...routes.flatMap((route) => route.conditionHeaders.map((name) => `proofgate:Header/${name}`)),
    ...routes.flatMap((route) => route.conditionQuery.map((name) => `proofgate:Query/${name}`)),
    ...issuers.flatMap(({ name, conditionClaims }) =>
      conditionClaims.map((claim) => `${name}:${claim}`),
    ),
  ]
  return {
    keys: new Set(keys.map((key) => key.toLowerCase())),
    issuers: new Set(issuers.map(({ name }) => name.toLowerCase())),
  }
}

/** Open routes ask no policies but that of their API. */
function routesOf(api: ConfiguredApi, { region, account }: LintedParts): readonly LintRoute[] {
  const arnPrefix = `arn:aws:execute-api:${region}:${account}:${api.name}/${api.stage}/`
  return api.routes
    .filter(({ authorizer }) => authorizer.kind !== 'open' || api.resourcePolicy !== undefined)
    .map(({ method, segments }) => ({
      arnPrefix,
      method: method === 'ANY' ? undefined : method,
      path: segments.map(pieceOf),
    }))
}

function pieceOf(segment: PathSegment): LintRoute['path'][number] {
  if (segment.kind === 'literal') return { text: segment.text }
  return segment.kind === 'rest' ? 'rest' : 'segment'
}

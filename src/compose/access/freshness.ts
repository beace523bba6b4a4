import type { Configuration } from '../../config/index.ts'

/** What another touch, or another sign-in, changes. */
const ofTheTouch: ReadonlySet<string> = new Set([
  'proofgate:proofage',
  'proofgate:authage',
  'proofgate:acr',
  'aws:multifactorauthage',
])

/** Whether any policy asks how fresh or how strong a proof is, so that a touch could change an answer. */
export function asksFreshness({
  policies,
  roles,
  apis,
}: Pick<Configuration, 'policies' | 'roles' | 'apis'>): boolean {
  const resourcePolicies = apis.flatMap(({ resourcePolicy }) => resourcePolicy ?? [])
  return [...policies, ...roles.map(({ trust }) => trust), ...resourcePolicies].some(
    ({ document }) =>
      document.statements.some(({ conditions }) =>
        conditions.some(({ key }) => ofTheTouch.has(key.toLowerCase())),
      ),
  )
}

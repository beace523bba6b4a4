import type { ScopeView } from '../pages/index.ts'

const scopeTexts: Readonly<Record<string, string>> = {
  openid: 'Know who you are',
  profile: 'See your name and username',
  groups: 'See the groups you are in',
  offline_access: 'Keep access while you are away',
  invoke: 'Call the APIs you may call, as you',
}

const role = 'role:'

function textOf(scope: string): string {
  if (scope.startsWith(role)) {
    return `Act in the role ${scope.slice(role.length)}, and do nothing else for you`
  }
  return Object.hasOwn(scopeTexts, scope) ? (scopeTexts[scope] ?? scope) : scope
}

/** What scopes let an application do, in words for the pages that ask. */
export function describeScopes(names: readonly string[]): readonly ScopeView[] {
  return names.map((name) => ({
    name,
    text: textOf(name),
  }))
}

import { standingOf, suggestKey } from '../../policy/index.ts'
import { placeProblem } from '../draft.ts'
import type { Remark } from '../draft.ts'
import { readLocated } from '../located.ts'
import type { Located } from '../located.ts'
import type { Configuration } from '../model.ts'
import { pathKey, printPath, quote } from '../problems.ts'
import type { ConfigurationSource, Path, ProblemList } from '../problems.ts'
import { lintSettingOf } from '../sections/access/lint.ts'
import { detach, shapeFaults } from '../shape.ts'
import type { ConfiguredPolicyTest, TestedCaller, TestedRequest } from './model.ts'
import { requestForm, testExpectations, testFileShape } from './shape.ts'
import type { TestShape } from './shape.ts'

/** What tests can refer to. */
export type TestedParts = Pick<
  Configuration,
  'region' | 'account' | 'people' | 'groups' | 'roles' | 'issuers' | 'apis'
>

/**
 * Reads one file of tests.
 *
 * @param parts - `undefined` while they have faults of their own: then only the file itself is checked.
 */
export function parsePolicyTests(
  source: ConfigurationSource,
  parts: TestedParts | undefined,
  problems: ProblemList,
): readonly ConfiguredPolicyTest[] {
  const located = readLocated(source, { language: 'yaml' }, problems)
  if (located === undefined) return []
  const report: Report = (path, remark, at = 'value') => {
    const placed = placeProblem(located, new Map(), path, remark, at)
    problems.add({ ...placed, path: printPath(path) })
  }
  const faults = shapeFaults(located.value, { schema: testFileShape, words: testExpectations })
  for (const { path, at, ...remark } of faults) report(path, remark, at)
  if (faults.length > 0) return []
  const { tests } = detach(testFileShape.parse(located.value)) as { tests: readonly TestShape[] }
  if (parts !== undefined) {
    const known = knownOf(parts)
    for (const [index, test] of tests.entries()) checkTest(test, ['tests', index], known, report)
  }
  return tests.map((test, index) => testOf(test, placeOf(located, ['tests', index, 'expect'])))
}

type Report = (path: Path, remark: Remark, at?: 'key' | 'value') => void

function testOf(test: TestShape, place: ConfiguredPolicyTest['place']): ConfiguredPolicyTest {
  const { name, who, context, at, expect, by } = test
  return {
    name,
    who: who === 'anonymous' ? undefined : callerOf(who),
    request: requestOf(test.request),
    facts: context ?? {},
    at: at === undefined ? undefined : Date.parse(at),
    expect,
    by,
    place,
  }
}

function callerOf({ user, groups, role }: TestedPerson): TestedCaller {
  return { username: user, groups: groups ?? [], role }
}

type TestedPerson = Exclude<TestShape['who'], 'anonymous'>

function requestOf(text: string): TestedRequest {
  const { method = '', url, api = '', path = '' } = requestForm.exec(text)?.groups ?? {}
  return url === undefined ? { method, api, path } : { method, url }
}

function placeOf(located: Located, path: Path): ConfiguredPolicyTest['place'] {
  const place = located.places.get(pathKey(path))?.value ?? { line: 1, column: 1 }
  return { file: located.file, ...place, path: printPath(path) }
}

interface Known {
  readonly parts: TestedParts
  readonly people: ReadonlySet<string>
  readonly groups: ReadonlySet<string>
  readonly roles: ReadonlySet<string>
  readonly apis: ReadonlySet<string>
  readonly declared: ReturnType<typeof lintSettingOf>['declared']
}

function knownOf(parts: TestedParts): Known {
  return {
    parts,
    people: new Set(parts.people.map(({ username }) => username)),
    groups: new Set(parts.groups.map(({ name }) => name)),
    roles: new Set(parts.roles.map(({ name }) => name)),
    apis: new Set(parts.apis.map(({ name }) => name)),
    declared: lintSettingOf(parts).declared,
  }
}

/** Invariant: a misspelt name is refused, because a test that expects deny would pass with it. */
function checkTest(test: TestShape, at: Path, known: Known, report: Report): void {
  if (test.who !== 'anonymous') checkCaller(test.who, [...at, 'who'], known, report)
  const request = requestOf(test.request)
  if ('api' in request && !known.apis.has(request.api)) {
    report([...at, 'request'], unknownName('config.unknown-api', request.api, known.apis))
  }
  for (const key of Object.keys(test.context ?? {})) {
    const remark = unknownKey(key, known)
    if (remark !== undefined) report([...at, 'context', key], remark, 'key')
  }
}

function checkCaller(
  { user, groups, role }: TestedPerson,
  at: Path,
  known: Known,
  report: Report,
): void {
  if (groups === undefined && !known.people.has(user)) {
    const remark = unknownName('config.unknown-person', user, known.people)
    report([...at, 'user'], { ...remark, hint: 'Mend the name, or say its `groups`.' })
  }
  for (const [index, group] of (groups ?? []).entries()) {
    if (known.groups.has(group)) continue
    report([...at, 'groups', index], unknownName('config.unknown-group', group, known.groups))
  }
  if (role === undefined || known.roles.has(role)) return
  report([...at, 'role'], unknownName('config.unknown-role', role, known.roles))
}

function unknownName(code: Remark['code'], found: string, known: ReadonlySet<string>): Remark {
  const names = [...known].slice(0, 20).join(', ')
  return {
    code,
    message: `found ${quote(found)}, expected ${names === '' ? 'nothing: there are none' : `one of ${names}`}`,
    hint: 'Mend the name, here or in the configuration.',
  }
}

function unknownKey(key: string, { declared }: Known): Remark | undefined {
  const standing = standingOf(key.toLowerCase(), declared)
  if (standing.kind === 'known') return undefined
  const code = 'config.policy-test-context'
  if (standing.kind === 'unknown') {
    const message = `found ${quote(key)}, expected a condition key that there is`
    return { code, message, hint: suggestKey(key) }
  }
  const message = `found ${quote(key)}, expected a key that the configuration declares`
  return { code, message, hint: `declare it in ${standing.key.declaredBy}` }
}

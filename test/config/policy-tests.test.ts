import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readPolicyTests } from '../../src/config/index.ts'
import { configurationOf, filesOf, placed, problemsOf } from './given.ts'

const base = `version: 1
upstreams: { orders: { url: http://127.0.0.1:8090 } }
apis:
  orders: { upstream: orders, routes: [{ method: GET, path: /orders, conditionQuery: [state] }] }
groups: { staff: {} }
people: [{ username: ann, groups: [staff] }]
policyTests: [tests.yaml]
`
const good = 'name: a, who: { user: ann }, request: GET orders /orders, expect: allow'

function given(tests: string): { readFile: (path: string) => string } {
  return { readFile: filesOf({ '/etc/pg/tests.yaml': tests }) }
}

function one(fields: string): { readFile: (path: string) => string } {
  return given(`tests:\n  - { ${fields} }\n`)
}

describe('policy tests', () => {
  it('are read with their place, and their files are watched', () => {
    const configuration = configurationOf(
      base,
      given(`tests:
  - name: staff may read
    who: { user: new.one, groups: [staff] }
    request: GET https://api.example/orders?x=1
    context: { aws:SourceIp: 10.0.0.1, proofgate:AuthAge: 30, proofgate:Amr: [hwk, 1], aws:SecureTransport: true, 'proofgate:Query/state': [] }
    at: 2026-11-22T09:00:00+01:00
    expect: allow
    by: read/Read
  - { name: b, who: anonymous, request: DELETE orders /orders/1, expect: deny }
`),
    )
    assert.deepEqual(configuration.files, ['/etc/pg/proofgate.yaml', '/etc/pg/tests.yaml'])
    const [first, second] = structuredClone(configuration.policyTests)
    assert.deepEqual(first, {
      name: 'staff may read',
      who: { username: 'new.one', groups: ['staff'], role: undefined },
      request: { method: 'GET', url: 'https://api.example/orders?x=1' },
      facts: {
        'aws:SourceIp': '10.0.0.1',
        'proofgate:AuthAge': '30',
        'proofgate:Amr': ['hwk', '1'],
        'aws:SecureTransport': 'true',
        'proofgate:Query/state': [],
      },
      at: Date.UTC(2026, 10, 22, 8),
      expect: 'allow',
      by: 'read/Read',
      place: { file: '/etc/pg/tests.yaml', line: 7, column: 13, path: 'tests[0].expect' },
    })
    assert.equal(second?.who, undefined)
    assert.deepEqual(second?.request, { method: 'DELETE', api: 'orders', path: '/orders/1' })
    assert.deepEqual(configurationOf(base.replace(/policyTests.*\n/, '')).policyTests, [])
  })

  /** What is refused about a test, as the line says it from there on. */
  function refusals(fields: string): readonly string[] {
    const line = `  - { ${fields} }`
    return problemsOf(base, one(fields)).map(
      ({ code, column }) => `${code} ${line.slice(column - 1, column + 3)}`,
    )
  }

  it('are refused at their place when they have another shape', () => {
    const long = 'x'.repeat(8200)
    for (const [from, to, ...expected] of [
      ['expect: allow', 'expect: maybe', 'config.value mayb'],
      ['expect: allow', 'expect: allow, exect: deny', 'config.unknown-key exec'],
      [', expect: allow', '', 'config.missing { na'],
      ['{ user: ann }', 'ann', 'config.value ann,'],
      ['{ user: ann }', '{ user: Ann }', 'config.username Ann '],
      ['{ user: ann }', '{ user: ann, group: staff }', 'config.unknown-key grou'],
      ['{ user: ann }', '{ groups: [staff] }', 'config.value { gr'],
      ['GET orders /orders', 'orders /orders', 'config.value orde'],
      ['GET orders /orders', 'GET orders orders', 'config.value GET '],
      ['GET orders /orders', 'get orders /orders', 'config.value get '],
      ['GET orders /orders', 'GET http:///orders', 'config.value GET '],
      ['GET orders /orders', `GET orders /${long}`, 'config.value GET '],
      ['expect: allow', 'expect: allow, at: yesterday', 'config.value yest'],
      ['expect: allow', 'expect: allow, at: 2026-02-31T00:00:00Z', 'config.value 2026'],
      ['expect: allow', 'expect: allow, at: 2026-11-22T09:00:00', 'config.value 2026'],
      ['expect: allow', 'expect: allow, context: { aws:SourceIp: null }', 'config.value null'],
      ['expect: allow', 'expect: allow, context: { aws:SourceIp: { a: b } }', 'config.value { a:'],
      ['expect: allow', 'expect: allow, context: { A: 1, a: 2 }', 'config.value { A:'],
      ['expect: allow', `expect: allow, context: { A: ${long} }`, 'config.value xxxx'],
      ['name: a', "name: ''", "config.value '', "],
    ] as const) {
      assert.deepEqual(refusals(good.replace(from, to)), expected, to.slice(0, 200))
    }
  })

  it('are refused when a name in them leads nowhere, because a denial would still be expected', () => {
    for (const [from, to, ...expected] of [
      ['ann', 'anna', 'config.unknown-person anna'],
      ['ann', 'ann, groups: [staf]', 'config.unknown-group staf'],
      ['ann', 'ann, role: boss', 'config.unknown-role boss'],
      ['GET orders', 'GET order', 'config.unknown-api GET '],
      ['expect', 'context: { aws:Ip: 1 }, expect', 'config.policy-test-context aws:'],
      ['expect', 'context: { proofgate:Query/stat: a }, expect', 'config.policy-test-context proo'],
    ] as const) {
      assert.deepEqual(refusals(good.replace(from, to)), expected, to)
    }
    const twice = problemsOf(base, one(`${good} }\n  - { ${good}`))
    assert.deepEqual(
      twice.map(({ code, line }) => [code, line]),
      [['config.policy-test-duplicate', 3]],
    )
    const [problem] = problemsOf(base, one(`${good}, context: { proofgate:AuthAg: 1 }`))
    assert.match(problem?.hint ?? '', /did you mean proofgate:AuthAge\?/)
  })

  it('are refused as a file that cannot be read, is no YAML, or holds something else', () => {
    assert.deepEqual(placed(problemsOf(base, { readFile: filesOf({}) })), [
      '7:15 config.policy-test-file',
    ])
    assert.deepEqual(placed(problemsOf(base, given('tests: [}'))), ['1:9 config.syntax'])
    assert.deepEqual(placed(problemsOf(base, given('[]'))), ['1:1 config.value'])
    assert.deepEqual(placed(problemsOf(base, given('tests: []\nmore: 1'))), [
      '2:1 config.unknown-key',
    ])
    const files = base.replace('[tests.yaml]', `[${'tests.yaml, '.repeat(21)}]`)
    assert.deepEqual(placed(problemsOf(files, given('tests: []'))), ['7:14 config.value'])
  })

  it('are bounded in number', () => {
    const many = Array.from({ length: 1001 }, (_, index) =>
      good.replace('name: a', `name: t${index}`),
    )
    const text = (count: number): string =>
      `tests:\n${many
        .slice(0, count)
        .map((fields) => `  - { ${fields} }\n`)
        .join('')}`
    assert.equal(configurationOf(base, given(text(1000))).policyTests.length, 1000)
    assert.deepEqual(placed(problemsOf(base, given(text(1001)))), ['2:3 config.value'])
  })

  it('are not blamed for faults of the configuration itself', () => {
    const faulty = base.replace('groups: [staff]', 'groups: [stuff]')
    assert.deepEqual(placed(problemsOf(faulty, one(good))), ['6:36 config.unknown-group'])
  })

  it('of files that no configuration names are judged by one all the same', () => {
    const configuration = configurationOf(base, one(good))
    const read = (text: string) =>
      readPolicyTests({
        files: ['a.yaml', 'b.yaml'],
        configuration,
        readFile: filesOf({ 'a.yaml': text }),
      })
    const found = read(`tests: [{ ${good} }, { ${good.replace('ann', 'anna')} }]`)
    assert.deepEqual(
      found.problems.map(({ file, code }) => [file, code]),
      [
        ['a.yaml', 'config.unknown-person'],
        ['a.yaml', 'config.policy-test-duplicate'],
        ['b.yaml', 'config.policy-test-file'],
      ],
    )
  })
})

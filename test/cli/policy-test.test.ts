import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { configurationFile, proofgate } from '../kit/gateway.ts'

const configuration = (policyTests: string): string =>
  configurationFile(`version: 1
people: [{ username: ann, groups: [staff] }]
groups: { staff: { policies: [read] } }
policies:
  read:
    Version: '2012-10-17'
    Statement: [{ Sid: Read, Effect: Allow, Action: 'execute-api:Invoke', Resource: 'arn:aws:execute-api:local:000000000000:orders/default/GET/*' }]
upstreams: { orders: { url: http://127.0.0.1:8090 } }
apis: { orders: { upstream: orders, routes: [{ method: ANY, path: /orders }] } }
policyTests: ${policyTests}
`)

function write(file: string, ...rows: readonly (readonly [name: string, fields: string])[]): void {
  const lines = rows.map(([name, fields]) => `  - { name: ${name}, ${fields} }\n`)
  writeFileSync(file, `tests:\n${lines.join('')}`)
}

const read = ['read', 'who: { user: ann }, request: GET orders /orders, expect: allow'] as const
const change = ['change', 'who: { user: ann }, request: POST orders /orders, expect: deny'] as const
const wrong = ['wrong', 'who: anonymous, request: GET orders /orders, expect: allow'] as const

function given(policyTests = '[]'): { config: string; file: string; cwd: string } {
  const config = configuration(policyTests)
  const cwd = dirname(config)
  return { config, cwd, file: join(cwd, 'tests.yaml') }
}

test('tests that pass end with 0, one that fails with 1 and says what was found', async () => {
  const { file, cwd } = given('[tests.yaml]')
  write(file, read, change)
  const good = await proofgate(['policy', 'test'], { cwd })
  assert.deepEqual(
    [good.code, good.stdout],
    [0, 'ok      read\nok      change\n2 tests, 0 failed\n'],
  )
  write(file, read, wrong)
  const bad = await proofgate(['policy', 'test'], { cwd })
  assert.equal(bad.code, 1)
  const [, line, last] = bad.stdout.split('\n')
  assert.equal(
    line,
    `FAILED  wrong: expected allow, found deny (gateway.unauthenticated)  ${file}:3`,
  )
  assert.equal(last, '2 tests, 1 failed')
})

test('a failure names the statement that decided, with its place', async () => {
  const { config, file, cwd } = given()
  write(file, ['no reading', read[1].replace('allow', 'deny')])
  const { code, stdout } = await proofgate(['policy', 'test', file], { cwd })
  assert.equal(code, 1)
  assert.match(stdout, /expected deny, found allow by read\/Read \(.*proofgate\.yaml:7\)/)
  const json = await proofgate(['policy', 'test', '--json', '--config', config, file])
  assert.equal(json.code, 1)
  const { ok, tests } = JSON.parse(json.stdout)
  assert.equal(ok, false)
  assert.deepEqual(
    [tests[0].name, tests[0].ok, tests[0].expected.answer, tests[0].found.decidedBy.statement],
    ['no reading', false, 'deny', 'Read'],
  )
})

test('files that are named are run in place of those of the configuration', async () => {
  const { file, cwd } = given('[tests.yaml]')
  write(file, wrong)
  const other = join(cwd, 'other.yaml')
  write(other, read)
  const { code, stdout } = await proofgate(['policy', 'test', 'other.yaml'], { cwd })
  assert.deepEqual([code, stdout], [0, 'ok      read\none test, 0 failed\n'])
})

test('tests that cannot be read are problems with a place, and end with 1', async () => {
  const { file, cwd } = given()
  write(file, ['a', `${read[1]}, expcet: deny`])
  const { code, stdout } = await proofgate(['policy', 'test', 'tests.yaml'], { cwd })
  assert.equal(code, 1)
  assert.match(stdout, /^tests\.yaml:2:\d+ {2}config\.unknown-key /)
  assert.match(stdout, /\none problem\n$/)
  const missing = await proofgate(['policy', 'test', '--json', 'nope.yaml'], { cwd })
  assert.equal(missing.code, 1)
  assert.equal(JSON.parse(missing.stdout).problems[0].code, 'config.policy-test-file')
})

test('without any test there is an error with a hint, as with a configuration that is bad', async () => {
  const { cwd, config } = given()
  const none = await proofgate(['policy', 'test'], { cwd })
  assert.equal(none.code, 1)
  assert.match(none.stderr, /no policy tests\n.*`policyTests`/)
  writeFileSync(config, 'version: 2')
  const bad = await proofgate(['policy', 'test'], { cwd })
  assert.equal(bad.code, 1)
  assert.match(bad.stderr, /config\.value/)
})

test('check and serve refuse a configuration whose tests fail, at the place of each', async () => {
  const { file, cwd } = given('[tests.yaml]')
  write(file, wrong, read, ['wrong too', wrong[1]])
  const [checked, json, served] = await Promise.all([
    proofgate(['check'], { cwd }),
    proofgate(['check', '--json'], { cwd }),
    proofgate(['serve', '--port', '0', '--admin-port', '0'], { cwd }),
  ])
  assert.equal(checked.code, 1)
  assert.match(
    checked.stdout,
    /tests\.yaml:2:\d+ {2}config\.policy-test {2}found deny \(gateway\.unauthenticated\), expected allow in the test "wrong"\n/,
  )
  assert.match(checked.stdout, /proofgate\.yaml: 2 problems\n$/)
  assert.deepEqual(
    JSON.parse(json.stdout).problems.map(({ code, line }: { code: string; line: number }) => [
      code,
      line,
    ]),
    [
      ['config.policy-test', 2],
      ['config.policy-test', 4],
    ],
  )
  assert.equal(served.code, 1)
  assert.equal(served.stdout, '')
  assert.match(served.stderr, /in the test "wrong too"/)
  assert.match(served.stderr, /2 policy tests fail; nothing was started/)
  write(file, read)
  assert.equal((await proofgate(['check'], { cwd })).code, 0)
})

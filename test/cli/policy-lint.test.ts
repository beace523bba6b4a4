import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { configurationFile, proofgate, temporaryDirectory } from '../kit/gateway.ts'

const directory = temporaryDirectory()
const arn = 'arn:aws:execute-api:local:000000000000:orders/default/GET/orders'

function policyFile(name: string, statement: object): string {
  const path = join(directory, name)
  const allow = { Effect: 'Allow', Action: 'execute-api:Invoke', Resource: arn }
  const document = { Version: '2012-10-17', Statement: [{ ...allow, ...statement }] }
  writeFileSync(path, JSON.stringify(document, null, 2))
  return path
}

const clean = policyFile('clean.json', {})
const doubtful = policyFile('doubtful.json', { Resource: '*' })
const wrong = policyFile('wrong.json', { Condition: { Bool: { 'aws:SourceIpp': 'true' } } })
const header = policyFile('header.yaml', {
  Condition: {
    'ForAllValues:StringEquals': { 'proofgate:Header/x-tenant': 'a' },
    Null: { 'proofgate:Header/x-tenant': 'false' },
  },
})
const configuration = (statement: string): string =>
  configurationFile(`version: 1
upstreams: { orders: { url: http://127.0.0.1:8090 } }
apis:
  orders: { upstream: orders, routes: [{ method: GET, path: /orders }] }
groups: { staff: { policies: [p] } }
people: [{ username: a, groups: [staff] }]
policies:
  p:
    Version: '2012-10-17'
    Statement:
      - { Effect: Allow, Action: 'execute-api:Invoke', ${statement} }
`)

const lint = (...args: readonly string[]) =>
  proofgate(['policy', 'lint', ...args], { cwd: directory })

test('a clean file ends with 0, a doubtful one too, unless warnings are to fail', async () => {
  const [good, warned, strict] = await Promise.all([
    lint(clean),
    lint(clean, doubtful),
    lint('--strict', clean, doubtful),
  ])
  assert.deepEqual([good.code, good.stdout], [0, '0 problems, 0 warnings\n'])
  assert.equal(warned.code, 0)
  assert.match(warned.stdout, /doubtful\.json:7:7 {2}policy\.warn_every_resource/)
  assert.match(warned.stdout, /\n0 problems, one warning\n$/)
  assert.equal(strict.code, 1)
})

test('what is wrong ends with 1, whatever else is asked for, with its place and a guess', async () => {
  const { code, stdout } = await lint(doubtful, wrong)
  assert.equal(code, 1)
  assert.match(stdout, /wrong\.json:10:11 {2}policy\.unknown_key .*\n.*"aws:SourceIpp"/)
  assert.match(stdout, /did you mean aws:SourceIp\?/)
  assert.match(stdout, /\none problem, one warning\n$/)
})

test('with --json both lists are data', async () => {
  const { code, stdout } = await lint('--json', doubtful, wrong)
  assert.equal(code, 1)
  const found = JSON.parse(stdout)
  assert.deepEqual(
    [...found.errors, ...found.warnings].map(({ code, path }: Record<string, string>) => [
      code,
      path,
    ]),
    [
      ['policy.unknown_key', 'Statement[0].Condition.Bool["aws:SourceIpp"]'],
      ['policy.warn_every_resource', 'Statement[0].Resource'],
    ],
  )
})

test('files that cannot be read, are no policy, or are of another kind are problems', async () => {
  const text = join(directory, 'text.json')
  writeFileSync(text, 'no policy')
  const [missing, broken, trust] = await Promise.all([
    lint(join(directory, 'nope.json')),
    lint(text),
    lint('--kind', 'trust', clean),
  ])
  assert.equal(missing.code, 1)
  assert.match(missing.stdout, /config\.policy-file/)
  assert.equal(broken.code, 1)
  assert.match(broken.stdout, /config\.syntax|policy\.wrong_type/)
  assert.equal(trust.code, 1)
  assert.match(trust.stdout, /policy\.unsupported/)
})

test('a configuration that is named says which keys and routes there are', async () => {
  const file = configuration(`Resource: '${arn}'`)
  const elsewhere = policyFile('elsewhere.json', { Resource: `${arn}/elsewhere` })
  const [alone, judged, unreachable] = await Promise.all([
    lint(header),
    lint('--config', file, header),
    lint('--config', file, elsewhere),
  ])
  assert.deepEqual([alone.code, alone.stdout], [0, '0 problems, 0 warnings\n'])
  assert.equal(judged.code, 1)
  assert.match(judged.stdout, /nothing declares "proofgate:Header\/x-tenant"/)
  assert.equal(unreachable.code, 0)
  assert.match(unreachable.stdout, /policy\.warn_never_applies/)
})

test('without files the policies of the configuration are judged, as check judges them', async () => {
  const file = configuration("Resource: '*'")
  const bad = configuration(`Resource: '${arn}', Condition: { Bool: { 'aws:Acr': true } }`)
  const [warned, checked, refused] = await Promise.all([
    lint('--config', file),
    proofgate(['check', file]),
    lint('--config', bad),
  ])
  assert.equal(warned.code, 0)
  assert.match(warned.stdout, /proofgate\.yaml:11:\d+ {2}policy\.warn_every_resource/)
  assert.match(checked.stdout, /policy\.warn_every_resource/)
  assert.equal(refused.code, 1)
  assert.match(refused.stdout, /did you mean proofgate:Acr\?/)
})

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Gate } from '../kit/gate.ts'
import { startRecorder } from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'

const day = 86_400
let recorder: Recorder
let gate: Gate

before(async () => {
  recorder = await startRecorder()
  gate = await Gate.start(`version: 1
upstreams: { recorder: { url: '${recorder.url}' } }
apis:
  orders:
    upstream: recorder
    routes: [{ method: GET, path: /read }, { method: GET, path: /write }]
people: [{ username: alice, groups: [staff] }]
groups: { staff: { policies: [reading] } }
passkeys: { rotateAfter: 365d, warnBefore: 30d, graceAfter: 14d }
roles:
  writer:
    automatic: true
    policies: [writing]
    trust:
      Version: '2012-10-17'
      Statement:
        - Effect: Allow
          Principal: '*'
          Action: sts:AssumeRole
          Condition: { StringEquals: { 'proofgate:CredentialStanding': [current, due] } }
policies:
  reading:
    Version: '2012-10-17'
    Statement:
      - Effect: Allow
        Action: execute-api:Invoke
        Resource: 'arn:aws:execute-api:*:*:orders/*/GET/read'
        Condition: { StringNotEquals: { 'proofgate:CredentialStanding': lapsed } }
  writing:
    Version: '2012-10-17'
    Statement:
      - Effect: Allow
        Action: execute-api:Invoke
        Resource: 'arn:aws:execute-api:*:*:orders/*/GET/write'
`)
})
after(async () => {
  await gate.stop()
  recorder.close()
})

test('an overdue passkey earns fewer roles, and one that has lapsed none', async () => {
  const now = Math.floor(Date.now() / 1000)
  const allowed = async (days: number | undefined): Promise<string[]> => {
    const age = days === undefined ? {} : { credential_time: now - days * day }
    const token = gate.token('alice', { credential_id: 'pZ4nXr1v0kq0yS9n8b7hUw', ...age })
    const asked = await Promise.all(
      ['/read', '/write'].map(async (path) =>
        (await gate.ask(path, token)) === '200' ? [path] : [],
      ),
    )
    return asked.flat()
  }
  assert.deepEqual(await allowed(10), ['/read', '/write'])
  assert.deepEqual(await allowed(350), ['/read', '/write'])
  assert.deepEqual(await allowed(370), ['/read'])
  assert.deepEqual(await allowed(400), [])
  assert.deepEqual(await allowed(undefined), ['/read'], 'of unknown age: not a current one')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'

import { locate, supposedPrincipal } from '../../src/analysis/explain/access-view.ts'
import { supposedContext } from '../../src/analysis/explain/supposition.ts'
import { replay } from '../../src/analysis/index.ts'
import type { ReplayReport, Setting, SupposedFacts } from '../../src/analysis/index.ts'
import type { StoredRecord } from '../../src/audit/index.ts'
import { policyRequestOf } from '../../src/gateway/index.ts'
import { decide } from '../../src/policy/index.ts'
import type { Decision } from '../../src/policy/index.ts'
import {
  base,
  people,
  person,
  recordOf,
  settingOf,
  startAt,
  statement,
  streamOf,
} from './records.ts'
import type { RecordShape } from './records.ts'

const readAll = statement('Read', 'GET/orders/*')
const recent = '{ NumericLessThan: { "proofgate:AuthAge": "600" } }'
const soon = '{ NumericLessThan: { "proofgate:AuthAge": "60" } }'
const office = '{ IpAddress: { "aws:SourceIp": "203.0.113.0/24" } }'

async function between(
  inForce: Setting,
  candidate: Setting,
  records: readonly StoredRecord[],
): Promise<ReplayReport> {
  return replay(streamOf(records), { inForce, candidate, people })
}

/** What becomes of one record, in one word. */
async function outcome(
  inForce: Setting,
  candidate: Setting,
  record: StoredRecord,
): Promise<string> {
  const report = await between(inForce, candidate, [record])
  const { unchanged, already, wouldAllow, wouldDeny, mayChange, notJudged } = report
  const found = Object.entries({
    unchanged,
    already,
    wouldAllow,
    wouldDeny,
    mayChange,
    ...notJudged,
  })
  return found
    .filter(([, count]) => count > 0)
    .map(([name]) => name)
    .join()
}

test('what is allowed and would be denied is said, with the statements', async () => {
  const inForce = settingOf([readAll])
  const seven = statement('NotSeven', 'GET/orders/7', { effect: 'Deny' })
  const candidate = settingOf([readAll, seven])
  const report = await between(inForce, candidate, [
    recordOf({ by: ['read', 'Read'] }),
    recordOf({ by: ['read', 'Read'] }),
    recordOf({ by: ['read', 'Read'], path: '/orders/8' }),
  ])
  assert.deepEqual([report.requests, report.unchanged, report.wouldDeny], [3, 1, 2])
  const [group, ...others] = report.changes
  assert.deepEqual(others, [])
  assert.deepEqual(
    [group?.certainty, group?.who, group?.api, group?.route, group?.count],
    ['would', 'ann', 'orders', 'GET /orders/{id}', 2],
  )
  assert.equal(group?.was, 'allow by read/Read')
  assert.match(group?.becomes ?? '', /^deny by read\/NotSeven \(.*:\d+\)$/)
  assert.ok((group?.first ?? '') < (group?.last ?? ''))
  assert.match(group?.example ?? '', /^request-/)
})

test('what is denied and would be allowed is said', async () => {
  const candidate = settingOf([readAll, statement('Write', 'POST/orders')])
  const denied = recordOf({ method: 'POST', path: '/orders', outcome: 'deny' })
  const report = await between(settingOf([readAll]), candidate, [denied])
  assert.equal(report.wouldAllow, 1)
  assert.equal(report.changes[0]?.was, 'deny (policy.no_statement_allows)')
  assert.match(report.changes[0]?.becomes ?? '', /^allow by read\/Write/)
})

test('an Allow that is gone denies', async () => {
  const candidate = settingOf([statement('Other', 'GET/other')])
  assert.equal(await outcome(settingOf([readAll]), candidate, recordOf()), 'wouldDeny')
})

test('what is recorded counts: the address, the time, the credential, the agent', async () => {
  const inForce = settingOf([readAll])
  const from = settingOf([statement('Read', 'GET/orders/*', { condition: office })])
  assert.equal(await outcome(inForce, from, recordOf()), 'unchanged')
  assert.equal(await outcome(inForce, from, recordOf({ address: '198.51.100.7' })), 'wouldDeny')
  const when = '{ DateLessThan: { "aws:CurrentTime": "2026-11-22T10:00:00Z" } }'
  const early = settingOf([statement('Read', 'GET/orders/*', { condition: when })])
  assert.equal(await outcome(inForce, early, recordOf()), 'unchanged')
  assert.equal(await outcome(inForce, early, recordOf({ at: startAt + 7_200_000 })), 'wouldDeny')
  const key = '{ StringEquals: { "proofgate:CredentialId": "key-1" } }'
  const byKey = settingOf([statement('Read', 'GET/orders/*', { condition: key })])
  const who = { subject: 'id-ann', username: 'ann' }
  assert.equal(await outcome(inForce, byKey, recordOf()), 'wouldDeny')
  assert.equal(
    await outcome(inForce, byKey, recordOf({ who: { ...who, credential: 'key-1' } })),
    'unchanged',
  )
  const agent = '{ StringLike: { "aws:UserAgent": "curl*" } }'
  const byAgent = settingOf([statement('Read', 'GET/orders/*', { condition: agent })])
  assert.equal(await outcome(inForce, byAgent, recordOf()), 'wouldDeny')
  const cut = recordOf({ record: { truncated: { 'where.userAgent': { length: 9, sha256: '' } } } })
  assert.equal(await outcome(inForce, byAgent, cut), 'mayChange')
})

test('what depends on a fact that is not recorded may change, and says on which', async () => {
  const report = await between(
    settingOf([readAll]),
    settingOf([statement('Read', 'GET/orders/*', { condition: recent })]),
    [recordOf()],
  )
  assert.deepEqual([report.mayChange, report.wouldDeny, report.unchanged], [1, 0, 0])
  assert.equal(report.changes[0]?.certainty, 'may')
  assert.equal(report.changes[0]?.becomes, 'depends on NumericLessThan proofgate:AuthAge 600')
})

test('a condition that is not recorded and the same in both changes nothing', async () => {
  const inForce = settingOf([statement('Read', 'GET/orders/*', { condition: recent })])
  const same = settingOf([
    statement('Other', 'POST/orders', { condition: soon }),
    statement('Renamed', 'GET/orders/*', { condition: recent }),
  ])
  for (const one of ['allow', 'deny'] as const) {
    assert.equal(await outcome(inForce, same, recordOf({ outcome: one })), 'unchanged')
  }
  const tighter = settingOf([statement('Read', 'GET/orders/*', { condition: soon })])
  for (const one of ['allow', 'deny'] as const) {
    assert.equal(await outcome(inForce, tighter, recordOf({ outcome: one })), 'mayChange')
  }
})

test('what only allows more keeps what is allowed, what only denies more keeps what is denied', async () => {
  const inForce = settingOf([statement('Read', 'GET/orders/*', { condition: recent })])
  const wider = settingOf([
    statement('Read', 'GET/orders/*', { condition: recent }),
    statement('More', 'GET/orders/*', {
      condition: '{ Bool: { "proofgate:UserVerified": true } }',
    }),
  ])
  assert.equal(await outcome(inForce, wider, recordOf()), 'unchanged')
  assert.equal(await outcome(inForce, wider, recordOf({ outcome: 'deny' })), 'mayChange')
  const narrower = settingOf([
    statement('Read', 'GET/orders/*', { condition: recent }),
    statement('No', 'GET/orders/*', {
      effect: 'Deny',
      condition: '{ Bool: { "proofgate:UserVerified": false } }',
    }),
  ])
  assert.equal(await outcome(inForce, narrower, recordOf({ outcome: 'deny' })), 'unchanged')
  assert.equal(await outcome(inForce, narrower, recordOf()), 'mayChange')
})

test('a record of the configuration in force tells what its statements did', async () => {
  const one = statement('One', 'GET/orders/*', { condition: recent })
  const two = statement('Two', 'GET/orders/*', {
    condition: '{ Bool: { "proofgate:UserVerified": true } }',
  })
  const deny = statement('No', 'GET/orders/*', { effect: 'Deny', condition: soon })
  const inForce = settingOf([one, two])
  const withoutTwo = settingOf([one])
  const { version } = inForce
  const by = ['read', 'One'] as const
  assert.equal(await outcome(inForce, withoutTwo, recordOf({ by, version })), 'unchanged')
  assert.equal(await outcome(inForce, withoutTwo, recordOf({ by, version: 'older' })), 'mayChange')
  const byTwo = recordOf({ by: ['read', 'Two'], version })
  assert.equal(await outcome(inForce, withoutTwo, byTwo), 'mayChange')
  const denying = settingOf([readAll, deny])
  const denied = (reason: string, more = {}): StoredRecord =>
    recordOf({ outcome: 'deny', reason, version: denying.version, ...more })
  const noLonger = settingOf([
    readAll,
    statement('Late', 'GET/orders/*', { effect: 'Deny', condition: recent }),
    deny,
  ])
  assert.equal(
    await outcome(denying, noLonger, denied('policy.explicit_deny', { by: ['read', 'No'] })),
    'unchanged',
  )
  const nothing = settingOf([two])
  const none = recordOf({ outcome: 'deny', version: nothing.version })
  const notTwo = settingOf([two, statement('Seven', 'GET/orders/8')])
  assert.equal(await outcome(nothing, notTwo, none), 'unchanged')
})

test('what the configuration in force already decides otherwise is no change of the candidate', async () => {
  const narrow = settingOf([statement('Other', 'POST/orders')])
  const record = recordOf({ by: ['read', 'Read'] })
  assert.equal(await outcome(narrow, narrow, record), 'already')
  assert.equal(await outcome(settingOf([readAll]), narrow, record), 'wouldDeny')
})

test('a policy of an API counts on its open routes too, and for those who were not known', async () => {
  const inForce = settingOf([readAll])
  const anonymous = { subject: 'anonymous' }
  const open = recordOf({
    who: anonymous,
    path: '/public',
    reason: 'gateway.open_route',
  })
  assert.equal(await outcome(inForce, inForce, open), 'unchanged')
  const guarded = settingOf([readAll], {
    api: `    resourcePolicy: { Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: { AWS: '000000000000' }, Action: 'execute-api:Invoke', Resource: '*' }] }`,
  })
  assert.equal(await outcome(inForce, guarded, open), 'wouldDeny')
  assert.equal(await outcome(inForce, guarded, recordOf()), 'unchanged')
})

test('tags of the configuration that variables stand for count', async () => {
  const own = (value: string): string =>
    `{ StringEquals: { "proofgate:Query/status": "${value}" } }`
  const variable = '${aws:PrincipalTag/team}'
  const inForce = settingOf([statement('Read', 'GET/orders/*', { condition: own(variable) })])
  const text = settingOf([statement('Read', 'GET/orders/*', { condition: own('red') })])
  assert.equal(await outcome(inForce, inForce, recordOf()), 'unchanged')
  assert.equal(await outcome(inForce, text, recordOf()), 'mayChange')
})

test('what policies did not decide, or nobody can decide again, is counted apart', async () => {
  const inForce = settingOf([readAll])
  const external = { subject: 'x', username: 'x', issuer: 'https://idp.example' }
  const cases: readonly (readonly [string, StoredRecord])[] = [
    ['notByPolicy', recordOf({ outcome: 'deny', reason: 'gateway.unauthenticated' })],
    ['notByPolicy', recordOf({ outcome: 'deny', reason: 'gateway.no_route' })],
    ['notByPolicy', recordOf({ outcome: 'deny', reason: 'throttle.exceeded' })],
    ['notByPolicy', recordOf({ reason: 'gateway.preflight' })],
    ['incomplete', recordOf({ outcome: 'deny', reason: 'policy.session_policy_does_not_allow' })],
    ['noRoute', recordOf({ method: 'DELETE' })],
    ['noCaller', recordOf({ who: { subject: 'id-gone', username: 'ann' } })],
    ['noCaller', recordOf({ who: { subject: 'id-eve', username: 'eve' } })],
    ['external', recordOf({ who: external, path: '/partner/x' })],
    ['incomplete', recordOf({ record: { truncated: { 'what.path': { length: 9, sha256: '' } } } })],
    ['incomplete', recordOf({ record: { what: { api: 'orders' } } })],
    ['', recordOf({ record: { kind: 'session', action: 'connection.close' } })],
  ]
  for (const [expected, record] of cases) {
    assert.equal(await outcome(inForce, settingOf([statement('No', 'GET/x')]), record), expected)
  }
})

const opsPolicy = `  ops:
    Version: '2012-10-17'
    Statement:
${statement('Ops', 'POST/orders')}`

/** With a role for which a fact of the sign-in, or nothing but a name, is enough. */
function withRole(
  condition: string,
  { automatic = true, more = '' } = {},
): Parameters<typeof settingOf>[1] {
  const trust = `{ Effect: Allow, Principal: { AWS: 'arn:aws:iam::000000000000:user/ann' }, Action: 'sts:AssumeRole'${condition} }`
  return {
    policies: opsPolicy,
    more: `roles: { ops: { automatic: ${automatic}, policies: [ops], trust: { Version: '2012-10-17', Statement: [${trust}] } } }\n${more}`,
  }
}

const verified = ', Condition: { Bool: { "proofgate:UserVerified": true } }'
const aged = ', Condition: { NumericLessThan: { "proofgate:AuthAge": "600" } }'

function recordInRole(
  { version }: Setting,
  {
    assumedRole,
    role = 'ops',
    ...more
  }: RecordShape & { assumedRole?: string; role?: string } = {},
): StoredRecord {
  const record = recordOf({ method: 'POST', path: '/orders', by: ['ops', 'Ops'], version, ...more })
  const taken = assumedRole === undefined ? {} : { assumedRole }
  return { ...record, what: { ...record.what, role, ...taken } }
}

test('a role that is held by what is not recorded is open, and known where it decided', async () => {
  const inForce = settingOf([readAll], withRole(verified))
  const record = recordInRole(inForce)
  assert.equal(await outcome(inForce, inForce, record), 'unchanged')
  assert.equal(
    await outcome(inForce, inForce, recordInRole(inForce, { outcome: 'deny' })),
    'unchanged',
  )
  const other = settingOf([readAll], withRole(aged))
  assert.equal(await outcome(inForce, other, record), 'mayChange')
  assert.equal(await outcome(inForce, settingOf([readAll]), record), 'wouldDeny')
  assert.equal(await outcome(inForce, settingOf([readAll], withRole('')), record), 'unchanged')
  const more = settingOf(
    [readAll, statement('Late', 'POST/orders', { condition: recent })],
    withRole(verified),
  )
  assert.equal(await outcome(more, inForce, recordInRole(more)), 'unchanged')
  const byOwn = recordOf({
    method: 'POST',
    path: '/orders',
    by: ['read', 'Late'],
    version: more.version,
  })
  assert.equal(await outcome(more, inForce, byOwn), 'mayChange')
})

test('what was done in a role is decided on in that role', async () => {
  const taking = (condition: string): Setting =>
    settingOf([readAll], withRole(condition, { automatic: false }))
  const inForce = taking('')
  const record = recordInRole(inForce, { assumedRole: 'ops' })
  assert.equal(await outcome(inForce, inForce, record), 'unchanged')
  assert.equal(await outcome(inForce, settingOf([readAll]), record), 'wouldDeny')
  assert.equal(await outcome(inForce, taking(aged), record), 'mayChange')
  const denied = recordInRole(inForce, {
    assumedRole: 'ops',
    outcome: 'deny',
    reason: 'policy.role_not_held',
  })
  assert.equal(await outcome(taking(aged), inForce, denied), 'wouldAllow')
  const read = recordOf({ outcome: 'deny' })
  const readInRole = { ...read, what: { ...read.what, assumedRole: 'ops' } }
  assert.equal(await outcome(inForce, inForce, readInRole), 'unchanged')
})

test('a credential that is for other roles does nothing else', async () => {
  const inForce = settingOf([readAll], withRole('', { automatic: false }))
  const limited = settingOf(
    [readAll],
    withRole('', {
      automatic: false,
      more: 'credentialRoles: [{ credential: a2V5a2V5a2V5a2V5a2V5a2, roles: [ops] }]',
    }),
  )
  const by = (credential: string): StoredRecord =>
    recordOf({ who: { subject: 'id-ann', username: 'ann', credential } })
  assert.equal(await outcome(inForce, limited, by('a2V5a2V5a2V5a2V5a2V5a2')), 'wouldDeny')
  assert.equal(await outcome(inForce, limited, by('b2V5a2V5a2V5a2V5a2V5a2')), 'unchanged')
})

test('groups are bounded, and what they leave out is counted', async () => {
  const records = [1, 2, 3].flatMap((one) => [
    recordOf({ path: '/public', route: `GET /r${one}`, reason: 'gateway.open_route' }),
    recordOf({ path: '/orders/7', route: `GET /r${one}` }),
  ])
  const report = await replay(streamOf(records), {
    inForce: settingOf([readAll]),
    candidate: settingOf([statement('No', 'GET/x')]),
    people,
    mostGroups: 2,
  })
  assert.deepEqual([report.wouldDeny, report.changes.length, report.ungrouped], [3, 2, 1])
})

const conditions = ['', recent, soon, office, '{ Bool: { "proofgate:UserVerified": true } }']
const anyStatement = fc
  .record({
    resource: fc.constantFrom('GET/orders/*', 'GET/orders/7', 'POST/orders', '*'),
    effect: fc.constantFrom('Allow', 'Allow', 'Deny'),
    condition: fc.constantFrom(...conditions),
  })
  .map(({ resource, ...rest }) => ({ resource, ...rest }))
const anySetting = fc
  .array(anyStatement, { minLength: 1, maxLength: 4 })
  .map((all) => settingOf(all.map((one, at) => statement(`S${at}`, one.resource, one))))
const anyRecord = fc
  .record({
    username: fc.constantFrom('ann', 'bob', 'eve', 'gone'),
    path: fc.constantFrom('/orders/7', '/orders/8', '/public', '/nowhere'),
    method: fc.constantFrom('GET', 'POST'),
    outcome: fc.constantFrom('allow' as const, 'deny' as const),
    address: fc.constantFrom('203.0.113.7', '198.51.100.1'),
    statement: fc.constantFrom('S0', 'S1', 'S2'),
  })
  .map(({ username, statement: label, ...rest }) => {
    const { id } = person(username)
    return recordOf({ ...rest, who: { subject: id, username }, by: ['read', label] })
  })

/** What `decide` answers to ann when every fact is known. */
function decided({ view }: Setting, facts: SupposedFacts): Decision {
  const found = locate(view, 'GET', 'http://api.localhost:8080/orders/7')
  assert.ok('route' in found, JSON.stringify(found))
  const { api, route } = found
  const principal = supposedPrincipal(view, people[0], startAt)
  const incoming = {
    address: '203.0.113.7',
    receivedAt: startAt,
    request: { headers: {}, rawHeaders: [] },
    peer: {},
  }
  const call = { incoming, api, route, target: { query: '' } }
  const asked = policyRequestOf(`${base}/GET/orders/7`, call, principal)
  return decide(principal.mandate.authority, {
    ...asked,
    context: supposedContext(asked.context, { facts }),
  })
}

test('whatever the facts were, no change is missed and none is made up', async () => {
  const spread = { unchanged: 0, wouldAllow: 0, wouldDeny: 0, mayChange: 0 }
  const anyFacts = fc.record({ age: fc.constantFrom('30', '300', '3000'), uv: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(anySetting, anySetting, anyFacts, async (inForce, candidate, { age, uv }) => {
      const facts = { 'proofgate:AuthAge': age, 'proofgate:UserVerified': String(uv) }
      const [was, becomes] = [decided(inForce, facts), decided(candidate, facts)]
      const { policy, statement: label, effect, reason } = was
      const record = recordOf({
        outcome: effect,
        reason,
        version: inForce.version,
        at: startAt,
        ...(policy === undefined ? {} : { by: [policy, label ?? ''] as const }),
      })
      const found = await outcome(inForce, candidate, record)
      spread[found as keyof typeof spread] += 1
      if (found === 'mayChange') return
      const expected = becomes.effect === 'allow' ? 'wouldAllow' : 'wouldDeny'
      assert.equal(found, was.effect === becomes.effect ? 'unchanged' : expected)
    }),
    { numRuns: 150 },
  )
  assert.ok(
    Object.values(spread).every((count) => count > 0),
    JSON.stringify(spread),
  )
})

test('the same configuration changes nothing, whatever was recorded', async () => {
  await fc.assert(
    fc.asyncProperty(
      anySetting,
      fc.array(anyRecord, { maxLength: 8 }),
      async (setting, records) => {
        const report = await between(setting, setting, records)
        assert.deepEqual(report.changes, [])
        assert.equal(report.requests, records.length)
      },
    ),
    { numRuns: 50 },
  )
})

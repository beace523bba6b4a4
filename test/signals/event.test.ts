import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StoredRecord } from '../../src/audit/index.ts'
import type { Person } from '../../src/identity/index.ts'
import { eventTypes, sharedSignals } from '../../src/signals/index.ts'
import { isEventful } from '../../src/signals/catalogue.ts'
import { eventOf } from '../../src/signals/event.ts'
import type { EventSources } from '../../src/signals/event.ts'
import { setsOf } from '../../src/signals/set.ts'
import type { ReceiverSettings } from '../../src/signals/set.ts'
import { Secret } from '../../src/core/index.ts'

const people: readonly Pick<Person, 'id' | 'username'>[] = [
  { id: 'p-alice' as Person['id'], username: 'alice' },
  { id: 'p-bob' as Person['id'], username: 'bob' },
]
const sources: EventSources = {
  log: 'gateway.test/audit+00000000',
  people: {
    load: async (id) => people.find((one) => one.id === id) as Person | undefined,
    loadByUsername: async (name) =>
      people.find(({ username }) => username === name) as Person | undefined,
  },
}

function record(action: string, more: Partial<StoredRecord> = {}): StoredRecord {
  return {
    v: 1,
    seq: 7,
    at: '2026-05-28T20:26:40.500Z',
    id: 'record-7',
    kind: 'identity',
    action,
    outcome: 'success',
    reason: `${action}.done`,
    who: { subject: 'p-alice', username: 'alice', session: 's-1' },
    ...more,
  }
}

const administration = { kind: 'administration', who: { username: 'operator' } } as const
const receiver: ReceiverSettings = {
  name: 'crm',
  audience: 'https://crm.example',
  events: sharedSignals,
  signingAlgorithm: 'RS256',
  delivery: { kind: 'poll', token: new Secret('t') },
}

async function signalsOf(of: StoredRecord): Promise<readonly string[]> {
  const event = await eventOf(of, sources)
  assert.ok(event !== undefined)
  const issuer = 'https://auth.example'
  return setsOf(event, { receiver, issuer }).map(({ claims }) => JSON.stringify(claims))
}

test('what nobody is told of is no event, whatever its outcome', async () => {
  for (const action of ['request', 'session.open', 'token.issue', 'constructor', '']) {
    assert.equal(await eventOf(record(action), sources), undefined)
    assert.equal(isEventful(action), false)
  }
  const failed = { outcome: 'failure' } as const
  assert.equal(await eventOf(record('credential.register', failed), sources), undefined)
  assert.equal(await eventOf(record('authenticator_clone_suspected'), sources), undefined)
})

test('what a record holds beside what is told stays in the log', async () => {
  const event = await eventOf(
    record('credential.remove', {
      detail: 'for operators',
      what: { credential: 'c-1', aaguid: 'a', platform: true, password: 'hunter2' },
      where: { address: '192.0.2.7', userAgent: 'Firefox' },
    }),
    sources,
  )
  assert.deepEqual(event?.data, {
    credential: 'c-1',
    aaguid: 'a',
    platform: true,
    session: 's-1',
    address: '192.0.2.7',
    userAgent: 'Firefox',
  })
  assert.ok(!JSON.stringify(event).includes('hunter2'))
  assert.ok(!JSON.stringify(event).includes('for operators'))
})

test('the id is that of the record in its log, the same each time', async () => {
  const idOf = async (of: StoredRecord, log = sources.log): Promise<string | undefined> =>
    (await eventOf(of, { ...sources, log }))?.id
  const id = await idOf(record('credential.remove'))
  assert.match(id ?? '', /^[\w-]{27}$/)
  assert.equal(await idOf(record('credential.remove', { id: 'another' })), id)
  assert.notEqual(await idOf(record('credential.remove', { seq: 8 })), id)
  assert.notEqual(await idOf(record('credential.remove'), 'gateway.test/audit+11111111'), id)
  assert.notEqual(await idOf(record('credential.rename')), id)
})

test('an event is about whoever acted, or whom an administrator acted on', async () => {
  for (const [of, subject, initiatedBy] of [
    [record('session.sign_out', { kind: 'session' }), 'p-alice', 'user'],
    [record('person.disable', { ...administration, what: { username: 'bob' } }), 'p-bob', 'admin'],
    [record('session.end', { ...administration, what: { person: 'p-bob' } }), 'p-bob', 'admin'],
    [record('session.end', { ...administration, what: { person: '' } }), undefined, 'admin'],
    [record('person.enable', { ...administration, what: { username: 'eve' } }), undefined, 'admin'],
    [record('recovery.approve', { what: { recovery: 'r', for: 'p-bob' } }), 'p-bob', 'user'],
    [record('keys.rotate', { ...administration, what: { keys: ['k'] } }), undefined, 'admin'],
    [record('credential.suspend', { kind: 'system' }), 'p-alice', 'system'],
    [record('configuration.load', { kind: 'configuration', who: {} }), undefined, 'system'],
  ] as const) {
    const event = await eventOf(of, sources)
    assert.equal(event?.subject?.id, subject, of.action)
    assert.equal(event?.initiatedBy, initiatedBy, of.action)
  }
})

test('a level that stayed the same is no change of it', async () => {
  const prove = (what: StoredRecord['what']): StoredRecord =>
    record('session.prove', { kind: 'session', ...(what === undefined ? {} : { what }) })
  assert.equal(await eventOf(prove(undefined), sources), undefined)
  assert.equal(await eventOf(prove({ acr: 'phr', previous: 'phr' }), sources), undefined)
  const raised = await signalsOf(prove({ acr: 'phrh', previous: 'phr' }))
  assert.equal(raised.length, 1)
  assert.match(raised[0] ?? '', /"current_level":"phrh","previous_level":"phr"/)
  assert.match(raised[0] ?? '', /"change_direction":"increase"/)
  assert.match(raised[0] ?? '', /"session":\{"format":"opaque","id":"s-1"\}/)
})

test('each signal is about the right thing', async () => {
  const key = { credential: 'c', person: 'p-bob', aaguid: 'model', platform: true }
  const changes = [
    ['credential.register', 'create'],
    ['credential.rename', 'update'],
    ['credential.remove', 'delete'],
    ['credential.suspend', 'revoke'],
    ['credential.restore', 'update'],
  ] as const
  for (const [action, change] of changes) {
    const sets = await signalsOf(record(action, { what: key }))
    assert.equal(sets.length, 1)
    assert.match(sets[0] ?? '', new RegExp(`"change_type":"${change}"`))
  }
  const [removed = ''] = await signalsOf(
    record('credential.remove', { ...administration, what: key }),
  )
  assert.match(removed, /"credential_type":"fido2-platform"/)
  assert.match(removed, /"fido2_aaguid":"model"/)
  assert.match(removed, /"initiating_entity":"admin"/)
  assert.match(
    removed,
    /"sub_id":\{"format":"iss_sub","iss":"https:\/\/auth.example","sub":"p-bob"\}/,
  )
  assert.match(removed, /"event_timestamp":1780000000[,}]/)
  const renewed = await signalsOf(record('credential.renew', { what: { ...key, replaced: 'old' } }))
  assert.deepEqual(
    renewed.map((set) => /"change_type":"(\w+)"/.exec(set)?.[1]),
    ['create', 'delete'],
  )
  const cloned = { outcome: 'failure', what: key } as const
  const [clone = ''] = await signalsOf(record('authenticator_clone_suspected', cloned))
  assert.match(clone, /risc\/event-type\/credential-compromise/)
  assert.ok(!clone.includes('initiating_entity'))
})

test('sessions that were ended are named one by one, and all of them by their owner alone', async () => {
  const ended = await signalsOf(
    record('session.end', {
      ...administration,
      what: { person: 'p-bob', sessions: ['s-2', 's-3'] },
    }),
  )
  assert.deepEqual(
    ended.map((set) => /"session":\{"format":"opaque","id":"(.*?)"\}/.exec(set)?.[1]),
    ['s-2', 's-3'],
  )
  const own = await signalsOf(record('session.end', { what: { ended: 's-9' } }))
  assert.match(own[0] ?? '', /"id":"s-9"/)
  const out = await signalsOf(record('session.sign_out'))
  assert.match(out[0] ?? '', /"id":"s-1"/)
  const [all = ''] = await signalsOf(record('session.end_all'))
  assert.match(all, /"format":"iss_sub"/)
  assert.ok(!all.includes('"session"'))
})

test('what is about nobody is no signal, and a receiver hears what it asked for alone', async () => {
  const nobody = record('session.end', { ...administration, what: { sessions: ['s-2'] } })
  assert.deepEqual(await signalsOf(nobody), [])
  const event = await eventOf(
    record('person.disable', { ...administration, what: { username: 'bob' } }),
    sources,
  )
  assert.ok(event !== undefined)
  const few: ReceiverSettings = { ...receiver, events: ['account-disabled'] }
  const of = (one: ReceiverSettings) =>
    setsOf(event, { receiver: one, issuer: 'https://a.example' })
  assert.equal(of(few).length, 1)
  assert.equal(of(receiver).length, 2)
  assert.equal(new Set(of(receiver).map(({ id }) => id)).size, 2)
  assert.notEqual(of({ ...receiver, name: 'erp' })[0]?.id, of(receiver)[0]?.id)
})

test('every type has a name that says what it is of', () => {
  assert.equal(new Set(eventTypes).size, eventTypes.length)
  assert.ok(eventTypes.every((type) => /^[a-z_]+(\.[a-z_]+)?$/.test(type)))
})

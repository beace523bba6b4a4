import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Slot } from '../../src/core/index.ts'
import { Principals } from '../../src/gateway/index.ts'
import type { PolicyDirectory } from '../../src/gateway/index.ts'
import type { Person } from '../../src/identity/index.ts'
import { noPolicies } from '../../src/policy/index.ts'
import { Mandates } from '../../src/roles/index.ts'
import { changedProof } from '../../src/gateway/caller/principal.ts'
import { CompactToken } from '../../src/token/remembered/compact-token.ts'
import { contextOf } from '../../src/gateway/caller/context.ts'
import type { ContextCall } from '../../src/gateway/caller/context.ts'
import { roleOf, trusting } from '../roles/kit.ts'
import type { VerifiedToken } from '../../src/token/index.ts'

const person = (id: string, more: Partial<Person> = {}): Person =>
  ({
    id,
    username: `name-${id}`,
    name: id,
    groups: ['readers'],
    disabled: false,
    ...more,
  }) as Person

function tokenOf(subject: string, more: Partial<VerifiedToken> = {}): VerifiedToken {
  return Object.freeze({
    issuer: 'https://auth.example',
    subject,
    username: `name-${subject}`,
    clientId: 'portal',
    tokenId: `jti-${subject}`,
    session: 's-1',
    scopes: ['invoke'],
    groups: [],
    issuedAt: 1_700_000_000_000,
    expiresAt: 1_700_000_300_000,
    authTime: undefined,
    acr: undefined,
    amr: [],
    confirmationThumbprint: undefined,
    certificateThumbprint: undefined,
    credential: 'c-1',
    openedAt: undefined,
    registeredAt: undefined,
    transports: [],
    taken: undefined,
    claims: {},
    derived: new Slot(),
    ...more,
  })
}

it('the proof of a remembered token says the same when some of it is changed', () => {
  const facts = tokenOf('p', {
    authTime: 1_700_000_000_500,
    acr: 'phr',
    amr: ['hwk'],
    openedAt: 1_600_000_000_000,
    registeredAt: 1_500_000_000_000,
    transports: ['usb'],
    taken: { role: 'auditor', sessionPolicy: undefined },
    claims: { uv: 'true' },
  })
  const token = new CompactToken(facts)
  const { issuedAt, openedAt, registeredAt, claims, taken, transports } = facts
  const { session, clientId, credential, tokenId, scopes, expiresAt, amr, authTime } = facts
  const kept = { session, clientId, credential, tokenId, scopes, amr, taken, transports, claims }
  const times = { issuedAt, expiresAt, openedAt, registeredAt, authTime }
  const said = { ...kept, ...times, touchedBy: undefined }
  assert.deepEqual(changedProof(token, {}), { ...said, acr: 'phr' })
  assert.deepEqual(changedProof(token, { acr: 'none', authTime: 5 }), {
    ...said,
    acr: 'none',
    authTime: 5,
  })
  const proved = { ...changedProof(token, {}), provedAt: 7, touchedBy: 'c-2' }
  assert.deepEqual(changedProof(proved, { acr: 'x' }), { ...proved, acr: 'x' })
})

function setUp(people: readonly Person[], more: Partial<PolicyDirectory> = {}) {
  const stored = new Map<string, Person>(people.map((one) => [one.id, one]))
  const attachedTo = (names: readonly string[]) => ({
    key: JSON.stringify(names),
    identity: noPolicies,
    boundary: undefined,
  })
  const policies: PolicyDirectory = {
    account: '000000000000',
    forPerson: (username, groups) =>
      attachedTo(username === 'name-special' ? [...groups, 'attached'] : groups),
    forGroups: attachedTo,
    mandates: new Mandates({
      roles: [],
      restrictions: new Map([['brief', { roles: new Set<string>(), until: 1_700_000_000_500 }]]),
    }),
    tagsOf: (username) => new Map(username === 'name-tagged' ? [['team', 'blue']] : []),
    ...more,
  }
  const load = { until: Promise.resolve(), count: 0 }
  const parts = {
    people: {
      load: async (id: string) => {
        load.count++
        const found = stored.get(id)
        await load.until
        return found
      },
    },
    directory: { groupsOf: (one: Person) => [...one.groups] },
    policies,
    issuer: 'https://auth.example',
  }
  const principals = new Principals(parts)
  return { principals, stored, load }
}

describe('principals', () => {
  it('are remembered with their token, until people or groups change', async () => {
    const { principals, stored } = setUp([person('p')])
    const token = tokenOf('p')
    assert.equal(principals.known(token), undefined)
    const principal = await principals.ofToken(token)
    assert.equal(principals.known(token), principal)
    assert.equal(principals.known(tokenOf('p')), undefined, 'another token of the same person')
    stored.set('p', person('p', { groups: [] }))
    principals.forget()
    assert.equal(principals.known(token), undefined)
    assert.deepEqual((await principals.ofToken(token))?.groups, [])
  })

  it('are not remembered when a change overtook them', async () => {
    const { principals, stored, load } = setUp([person('p')])
    const { promise, resolve } = Promise.withResolvers<void>()
    load.until = promise
    const token = tokenOf('p')
    const under = principals.ofToken(token)
    stored.delete('p')
    principals.forget()
    resolve()
    assert.deepEqual((await under)?.groups, ['readers'])
    assert.equal(principals.known(token), undefined)
  })

  it('are looked up once for all tokens of a person, until people or groups change', async () => {
    const { principals, stored, load } = setUp([person('p')])
    const first = await principals.ofToken(tokenOf('p', { session: 's-1', tokenId: 'one' }))
    const second = await principals.ofToken(tokenOf('p', { session: 's-2', tokenId: 'two' }))
    assert.deepEqual([load.count, first?.session, second?.session], [1, 's-1', 's-2'])
    assert.equal(first?.standing, second?.standing)
    assert.deepEqual([second?.tokenId, second?.username], ['two', 'name-p'])
    stored.set('p', person('p', { disabled: true }))
    principals.forget()
    assert.equal(await principals.ofToken(tokenOf('p')), undefined)
    stored.set('p', person('p'))
    assert.ok(await principals.ofToken(tokenOf('p')), 'who is disabled is asked for each time')
    assert.equal(load.count, 3)
  })

  it('are looked up again when a change overtook the look', async () => {
    const { principals, stored, load } = setUp([person('p')])
    const { promise, resolve } = Promise.withResolvers<void>()
    load.until = promise
    const under = principals.ofToken(tokenOf('p'))
    stored.delete('p')
    principals.forget()
    resolve()
    await under
    assert.equal(await principals.ofToken(tokenOf('p')), undefined)
  })

  it('have what their own token decides, also when the person is known already', async () => {
    const { principals } = setUp([person('p')])
    const until = async (credential: string | undefined) =>
      (await principals.ofToken(tokenOf('p', { credential })))?.expiresAt
    assert.equal(await until('c-1'), 1_700_000_300_000)
    assert.equal(await until('brief'), 1_700_000_000_500)
    assert.equal(await until(undefined), 1_700_000_300_000)
    const taken = { role: 'none', sessionPolicy: undefined }
    const lost = await principals.ofToken(tokenOf('p', { taken }))
    assert.equal(lost?.mandate.roleName, 'none')
  })

  it('of one table say nothing to another', async () => {
    const token = tokenOf('p')
    await setUp([person('p')]).principals.ofToken(token)
    assert.equal(setUp([person('p')]).principals.known(token), undefined)
  })

  it('have what is theirs from the directory, and the rest from the token', async () => {
    const { principals } = setUp([person('p', { username: 'renamed' })])
    const principal = await principals.ofToken(
      tokenOf('p', { username: 'old', groups: ['admins'] }),
    )
    assert.ok(principal !== undefined)
    const { username, groups, session, credential, tokenId, key } = principal
    assert.deepEqual(
      { username, groups, session, credential, tokenId, key },
      {
        username: 'renamed',
        groups: ['readers'],
        session: 's-1',
        credential: 'c-1',
        tokenId: 'jti-p',
        key: 'p',
      },
    )
    assert.equal(principal.names.arn, 'arn:aws:iam::000000000000:user/renamed')
    assert.equal(principal.names.federated, undefined)
  })

  it('share a standing when they have all of it in common, and only then', async () => {
    const { principals } = setUp([
      person('a'),
      person('b'),
      person('special'),
      person('tagged'),
      person('other', { groups: ['readers', 'writers'] }),
      person('joined', { groups: ['readers,writers'] }),
    ])
    const standing = async (id: string) => (await principals.ofToken(tokenOf(id)))?.standing
    const shared = await standing('a')
    assert.equal(await standing('b'), shared)
    const others = [
      await standing('special'),
      await standing('tagged'),
      await standing('other'),
      await standing('joined'),
    ]
    assert.equal(new Set([shared, ...others]).size, 5)
    assert.notEqual(others[0]?.mandate, shared?.mandate)
    const told = tokenOf('a', { groups: ['readers'] })
    const account = '000000000000'
    const external = principals.ofExternal(told, { account, namespace: undefined })
    const elsewhere = principals.ofExternal(tokenOf('a', { groups: ['readers'] }), {
      account: '111111111111',
      namespace: undefined,
    })
    const spaced = principals.ofExternal(tokenOf('a', { groups: ['readers'] }), {
      account,
      namespace: 'partner',
    })
    assert.equal(spaced.names.arn, `${external.names.arn}`.replace('user/', 'user/partner/'))
    assert.notEqual(spaced.standing, external.standing)
    const again = await principals.again(spaced, { account, namespace: 'renamed' })
    assert.match(again?.names.arn ?? '', /federated-user\/renamed\//)
    assert.equal(principals.known(told), external)
    assert.notEqual(elsewhere.names.arn, external.names.arn)
    assert.equal(external.kind, 'external')
    assert.equal(external.key, 'https://auth.example|a')
    assert.equal(external.names.federated, 'https://auth.example')
  })

  it('end with what their credential is for, if that is before the token', async () => {
    const { principals } = setUp([person('p')])
    const endOf = async (more: Partial<VerifiedToken>): Promise<number | undefined> =>
      (await principals.ofToken(tokenOf('p', more)))?.expiresAt
    assert.equal(await endOf({}), 1_700_000_300_000)
    assert.equal(await endOf({ credential: 'brief' }), 1_700_000_000_500)
    assert.equal(
      await endOf({ credential: 'brief', expiresAt: 1_700_000_000_100 }),
      1_700_000_000_100,
    )
  })

  it('in a role keep their own tags apart from those of others in it', async () => {
    const role = roleOf('ops', [trusting()], { tags: new Map([['team', 'all']]) })
    const { principals } = setUp([person('red'), person('blue')], {
      tagsOf: (username) => new Map([['team', username]]),
      mandates: new Mandates({ roles: [role], restrictions: new Map() }),
    })
    const taken = { role: 'ops', sessionPolicy: undefined }
    for (const id of ['red', 'blue', 'red']) {
      const principal = await principals.ofToken(tokenOf(id, { taken }))
      assert.equal(principal?.tags.get('team'), 'all')
      assert.equal(principal?.untaken.tags.get('team'), `name-${id}`)
    }
  })

  it('are who they took, by its name, tags and type', async () => {
    const principals = new Principals({
      people: { load: async () => person('p') },
      directory: { groupsOf: () => [] },
      issuer: 'https://auth.example',
      policies: {
        account: '000000000000',
        forPerson: () => ({ key: '', identity: noPolicies, boundary: undefined }),
        forGroups: () => ({ key: '', identity: noPolicies, boundary: undefined }),
        tagsOf: () =>
          new Map([
            ['team', 'blue'],
            ['site', 'north'],
          ]),
        mandates: new Mandates({
          roles: [roleOf('ops', [trusting()], { tags: new Map([['team', 'red']]) })],
          restrictions: new Map(),
        }),
      },
    })
    const taken = { role: 'ops', sessionPolicy: undefined }
    const principal = await principals.ofToken(tokenOf('p', { taken }))
    assert.ok(principal)
    assert.equal(principal.names.arn, 'arn:aws:sts::000000000000:assumed-role/ops/name-p')
    assert.equal(principal.names.role, 'arn:aws:iam::000000000000:role/ops')
    assert.deepEqual(
      [...principal.tags],
      [
        ['team', 'red'],
        ['site', 'north'],
      ],
    )
    assert.equal(principal.untaken.names.arn, 'arn:aws:iam::000000000000:user/name-p')
    assert.equal(principal.untaken.names.role, undefined)
    assert.equal(principal.untaken.tags.get('team'), 'blue')
    const context = contextOf({} as ContextCall, principal)
    assert.equal(context('aws:principalarn'), principal.names.role)
    assert.equal(context('aws:principaltype'), 'AssumedRole')
    assert.equal(context('aws:username'), 'name-p')
    const external = principals.ofExternal(tokenOf('p', { taken: undefined }), {
      account: '000000000000',
      namespace: undefined,
    })
    assert.equal(external.names.role, undefined)
  })

  it('are plain by their token only where they have its name, and by nothing else', async () => {
    const renamed = person('renamed', { username: 'name-"' })
    const { principals, stored } = setUp([person('p', { username: 'name-p' }), renamed])
    const plain = { isPlain: true }
    const principal = await principals.ofToken(tokenOf('p', plain))
    assert.equal(principal?.isPlain, true)
    assert.equal((await principals.ofToken(tokenOf('p', { isPlain: false })))?.isPlain, false)
    assert.equal((await principals.ofToken(tokenOf('p')))?.isPlain, false)
    const other = await principals.ofToken(tokenOf('renamed', plain))
    assert.deepEqual([other?.isPlain, other?.username], [false, 'name-"'])
    stored.set('p', person('p', { username: 'name-"' }))
    const again = await principals.again(principal, undefined)
    assert.deepEqual([again?.isPlain, again?.username], [false, 'name-"'])
    assert.equal(principals.anonymous.isPlain, false)
  })

  it('are nobody when the person is gone or disabled, also later', async () => {
    const { principals, stored } = setUp([person('p'), person('off', { disabled: true })])
    assert.equal(await principals.ofToken(tokenOf('off')), undefined)
    assert.equal(await principals.ofToken(tokenOf('gone')), undefined)
    const principal = await principals.ofToken(tokenOf('p'))
    assert.ok(principal !== undefined)
    stored.set('p', person('p', { groups: ['writers'] }))
    const again = await principals.again(principal, undefined)
    assert.deepEqual(again?.groups, ['writers'])
    assert.deepEqual(principal.groups, ['readers'])
    assert.equal(again?.tokenId, 'jti-p')
    assert.equal(again?.minted, undefined)
    stored.delete('p')
    assert.equal(await principals.again(principal, undefined), undefined)
  })
})

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { FakeIssuer } from '../kit/fake-issuer.ts'
import { Gate } from '../kit/gate.ts'
import { proofgate } from '../kit/gateway.ts'
import { recordsOf } from '../kit/minting.ts'
import { callAdmin, until } from '../kit/operations.ts'
import { expiredKey, restrictedKey, rolesConfiguration, trustedModel } from '../kit/roles.ts'
import { WebSocketCaller, WebSocketService } from '../kit/websocket.ts'

const nothing = 'policy.no_statement_allows'
const denied = 'policy.explicit_deny'
const lost = 'policy.role_not_held'
const bounded = 'policy.boundary_does_not_allow'
/** Held again by whoever signs in anew. */
const stale = 'gateway.fresh_proof_required'
const aaguid = trustedModel

describe('roles', { timeout: 300_000 }, () => {
  const service = new WebSocketService()
  const issuer = new FakeIssuer('partner')
  let gate: Gate
  let text: (change?: { writers?: string; withoutReader?: boolean }) => string

  before(async () => {
    service.echo()
    const upstream = await service.listen()
    await issuer.listen()
    text = (change = {}) => rolesConfiguration({ upstream, issuer, ...change })
    gate = await Gate.start(text())
  })
  after(async () => {
    issuer.close()
    await gate.stop().finally(() => service.close())
  })

  const old = (): number => Math.floor(Date.now() / 1000) - 3600
  /** Signed in an hour ago, unless the claims say otherwise. */
  const ask = (
    request: string,
    username: string,
    claims: Readonly<Record<string, unknown>> = {},
  ): Promise<string> => {
    const [method = '', path = ''] = request.split(' ')
    return gate.ask(path, gate.token(username, { auth_time: old(), ...claims }), method)
  }

  it('are held by whoever proves what they ask, and by nobody else', async () => {
    for (const [request, username, claims, expected] of [
      ['GET /own/x', 'ann', {}, '200'],
      ['POST /orders', 'ann', { aaguid }, '200'],
      ['POST /orders', 'ann', {}, nothing],
      ['POST /orders', 'ann', { aaguid: 'ee882879-721c-4913-9775-3dfcce97072a' }, nothing],
      ['POST /orders', 'ann', { aaguid: [aaguid] }, nothing],
      ['POST /orders', 'eve', { aaguid, groups: ['engineers'] }, nothing],
      ['PUT /orders', 'ann', { aaguid }, nothing],
      ['PUT /ops/x', 'ann', { auth_time: Math.floor(Date.now() / 1000) }, '200'],
      ['PUT /ops/x', 'ann', {}, stale],
      ['PUT /ops/x', 'ann', { auth_time: undefined }, stale],
      ['PUT /ops/x', 'eve', { auth_time: Math.floor(Date.now() / 1000) }, nothing],
      ['POST /orders', 'bob', { aaguid }, bounded],
    ] as const) {
      assert.equal(await ask(request, username, claims), expected, `${request} ${username}`)
    }
  })

  it('are taken by a token that names one, which is then all that counts', async () => {
    const reader = { role: 'reader' }
    for (const [request, username, claims, expected] of [
      ['GET /orders', 'ann', reader, '200'],
      ['GET /orders', 'bob', reader, '200'],
      ['POST /orders', 'ann', { ...reader, aaguid }, nothing],
      ['GET /secrets/x', 'ann', reader, denied],
      ['GET /ops/x', 'ann', reader, bounded],
      ['GET /orders', 'eve', reader, lost],
      ['GET /own/x', 'eve', reader, lost],
      ['GET /own/x', 'ann', { role: 'nope' }, lost],
      ['GET /own/x', 'ann', { role: 'constructor' }, lost],
      ['GET /own/x', 'ann', { role: 'guest' }, lost],
      ['GET /own/x', 'ann', { role: 'writer' }, lost],
      ['GET /own/x', 'ann', { role: 'writer', aaguid }, nothing],
      ['POST /x', 'ann', { role: 'writer', aaguid }, '200'],
      ['PUT /ops/x', 'ann', { role: 'recent' }, stale],
      ['PUT /ops/x', 'ann', { role: 'recent', auth_time: Math.floor(Date.now() / 1000) }, '200'],
    ] as const) {
      assert.equal(
        await ask(request, username, claims),
        expected,
        `${request} ${username} ${JSON.stringify(claims)}`,
      )
    }
    assert.equal(await ask('GET /own/x', 'ann', { role: ['reader'] }), 'token.invalid')
    assert.equal(await ask('GET /own/x', 'ann', { role: '' }), 'token.invalid')
  })

  it('bring their tags, in place of those of the person', async () => {
    assert.equal(await ask('GET /tag/north/tellers', 'ann', { role: 'teller' }), '200')
    assert.equal(await ask('GET /tag/north/core', 'ann', { role: 'teller' }), nothing)
    assert.equal(await ask('GET /tag/north/tellers', 'bob', { role: 'teller' }), lost)
    // Whether the role is held is asked about the person, not about who they are in the role.
    const auth_time = Math.floor(Date.now() / 1000)
    const manager = { role: 'manager', auth_time }
    assert.equal(await ask('GET /tag/north/managers', 'ann', manager), '200')
    assert.equal(await ask('GET /tag/north/core', 'ann', manager), nothing)
    assert.equal(await ask('GET /tag/north/managers', 'bob', manager), lost)
    assert.equal(await ask('GET /tag/north/managers', 'ann', { role: 'manager' }), stale)
  })

  it('are narrowed by the session policy of the token', async () => {
    const policy = (Resource: string): string =>
      JSON.stringify({
        Version: '2012-10-17',
        Statement: { Effect: 'Allow', Action: 'execute-api:Invoke', Resource },
      })
    const narrowed = (request: string, session_policy: unknown, more = {}): Promise<string> =>
      ask(request, 'ann', { role: 'reader', session_policy, ...more })
    const one = policy('arn:aws:execute-api:*:*:app/default/GET/orders')
    assert.equal(await narrowed('GET /orders', one), '200')
    assert.equal(await narrowed('GET /other', one), 'policy.session_policy_does_not_allow')
    assert.equal(
      await narrowed('GET /own/x', one, { role: undefined }),
      'policy.session_policy_does_not_allow',
    )
    assert.equal(await narrowed('POST /x', policy('*'), { aaguid }), nothing)
    for (const unreadable of ['{}', 'x', '{"Version":"2012-10-17","Statement":[]}']) {
      assert.equal(await narrowed('GET /orders', unreadable), denied, unreadable)
    }
    assert.equal(await narrowed('GET /orders', {}), 'token.invalid')
    assert.equal(await narrowed('GET /orders', policy('x'.repeat(5000))), 'token.invalid')
  })

  it('are all that a passkey is for that is for some', async () => {
    const restricted = { credential_id: restrictedKey, aaguid }
    assert.equal(await ask('POST /x', 'ann', restricted), '200')
    assert.equal(await ask('GET /own/x', 'ann', restricted), nothing)
    assert.equal(await ask('POST /secrets/x', 'ann', restricted), denied)
    assert.equal(await ask('GET /own/x', 'ann', { ...restricted, role: 'reader' }), '200')
    assert.equal(
      await ask('GET /tag/north/tellers', 'ann', { ...restricted, role: 'teller' }),
      lost,
    )
    const now = Math.floor(Date.now() / 1000)
    assert.equal(await ask('PUT /ops/x', 'ann', { ...restricted, auth_time: now }), nothing)
    assert.equal(await ask('POST /x', 'ann', { credential_id: expiredKey, aaguid }), denied)
    const { what } = await gate.lastDecision('/x')
    assert.deepEqual([what?.['policy'], what?.['statement']], ['credentialRoles', 'Expired'])
  })

  it('are held by callers of an issuer whom they trust, who cannot take any by name', async () => {
    const partner = (claims: Readonly<Record<string, unknown>>): Promise<string> =>
      gate.ask('/partner/x', issuer.token(claims))
    assert.equal(await partner({ groups: ['partners'] }), '200')
    assert.equal(await partner({ groups: ['engineers'] }), nothing)
    assert.equal(await partner({ groups: ['engineers'], role: 'reader' }), nothing)
    assert.equal(await partner({ groups: ['partners'], role: 'nope', session_policy: '{' }), '200')
    assert.equal(
      await partner({ groups: ['engineers'], aaguid, credential_id: restrictedKey }),
      nothing,
    )
  })

  it('are named by records and counted by metrics', async () => {
    await ask('POST /record', 'ann', { aaguid })
    assert.equal((await gate.lastDecision('/record')).what?.['role'], 'writer')
    await ask('GET /record2', 'ann', { role: 'reader' })
    const taken = (await gate.lastDecision('/record2')).what
    assert.deepEqual([taken?.['role'], taken?.['assumedRole']], ['reader', 'reader'])
    await ask('GET /record3', 'ann', { role: 'nope' })
    assert.equal((await gate.lastDecision('/record3')).what?.['role'], 'nope')
    await ask('GET /own/record4', 'ann')
    assert.equal((await gate.lastDecision('/own/record4')).what?.['role'], undefined)
    const { text: metrics } = await callAdmin(gate.gateway, '/metrics')
    assert.match(
      metrics,
      /proofgate_role_requests_total\{role="writer",code="policy\.allowed"\} \d/,
    )
    assert.match(metrics, /role="nope",code="policy\.role_not_held"/)
  })

  async function connected(
    username: string,
    claims: Readonly<Record<string, unknown>>,
    path = '/ws/x',
  ): Promise<WebSocketCaller> {
    const { host, port } = new URL(gate.gateway.api)
    const caller = await WebSocketCaller.open(Number(port), path, {
      host,
      authorization: `Bearer ${gate.token(username, { auth_time: old(), ...claims })}`,
    })
    if (typeof caller === 'string') throw new Error(caller)
    return caller
  }

  it('are lost with the group, at once and for what is open', async () => {
    const data = ['--data-dir', gate.gateway.dataDirectory]
    const groups = async (...names: string[]): Promise<void> => {
      const { code, stderr } = await proofgate(['people', 'groups', 'eve', ...names, ...data])
      assert.equal(code, 0, stderr)
    }
    await groups('support')
    const token = gate.token('eve', { role: 'reader' })
    assert.equal(await gate.ask('/orders', token), '200')
    const open = await connected('eve', { role: 'reader' })
    await groups()
    assert.equal((await open.closed).code, 1008)
    assert.equal(await gate.ask('/orders', token), lost)
    const closings = await recordsOf(gate.gateway, 'session')
    const { reason, what } = closings.findLast(({ action }) => action === 'connection.close') ?? {}
    assert.deepEqual([reason, what?.['role']], ['gateway.policy_changed', 'reader'])
  })

  it('are lost with the configuration, by those held and those taken', async () => {
    const [held, taken] = [gate.token('ann', { aaguid }), gate.token('ann', { role: 'reader' })]
    assert.equal(await gate.ask('/x', held, 'POST'), '200')
    assert.equal(await gate.ask('/x', taken), '200')
    const open = await connected('ann', { role: 'reader' })
    await gate.change(
      text({ withoutReader: true, writers: 'guests' }),
      'the role is gone',
      async () => {
        return (await gate.ask('/x', taken)) === lost
      },
    )
    assert.equal(await gate.ask('/x', held, 'POST'), nothing)
    assert.equal((await open.closed).code, 1008)
    await gate.change(
      text(),
      'the role is back',
      async () => (await gate.ask('/x', taken)) === '200',
    )
    assert.equal(await gate.ask('/x', held, 'POST'), '200')
  })

  it('end with a fact of the moment, for the same token and for what it opened', async () => {
    const role = 'recent'
    let token = ''
    let open: WebSocketCaller | undefined
    // On a busy machine the five seconds can be over before the handshake is.
    await until('it is open', async () => {
      const auth_time = Math.floor(Date.now() / 1000) - 55
      token = gate.token('ann', { role, auth_time })
      open = await connected('ann', { role, auth_time }, '/ws/ops/x').catch(() => undefined)
      return open !== undefined && (await gate.ask('/ops/x', token)) === '200'
    })
    assert.equal((await open?.closed)?.code, 1008)
    assert.equal(await gate.ask('/ops/x', token), stale)
  })
})

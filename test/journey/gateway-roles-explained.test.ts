import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { FakeIssuer } from '../kit/fake-issuer.ts'
import { Gate } from '../kit/gate.ts'
import { proofgate } from '../kit/gateway.ts'
import { restrictedKey, rolesConfiguration, trustedModel } from '../kit/roles.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

describe('roles, explained', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  const issuer = new FakeIssuer('partner')
  let gate: Gate

  before(async () => {
    await issuer.listen()
    gate = await Gate.start(rolesConfiguration({ upstream: await upstream.listen(), issuer }))
  })
  after(async () => {
    issuer.close()
    await gate.stop().finally(() => upstream.close())
  })

  const data = (): readonly string[] => ['--data-dir', gate.gateway.dataDirectory]
  const run = (...args: string[]): ReturnType<typeof proofgate> => proofgate([...args, ...data()])
  const explained = async (request: string, ...more: string[]): Promise<any> => {
    const [method = '', path = ''] = request.split(' ')
    const url = `${gate.gateway.api}${path}`
    const { stdout, stderr } = await run('explain', method, url, '--json', ...more)
    assert.ok(stdout.startsWith('{'), stderr)
    return JSON.parse(stdout)
  }
  const fact = (key: string, value: string): string[] => ['--fact', `${key}=${value}`]
  const heldIn = ({ roles }: any): Record<string, string> =>
    Object.fromEntries(roles.map(({ role, held }: any) => [role, held]))

  it('say of every role whether it is held, and why', async () => {
    const one = await explained('POST /x', '--as', 'ann')
    assert.deepEqual(heldIn(one), {
      writer: 'no',
      recent: 'yes',
      teller: 'yes',
      manager: 'yes',
      guest: 'no',
      reader: 'yes',
    })
    assert.deepEqual([one.answer, one.reason], ['deny', 'policy.no_statement_allows'])
    const [writer] = one.roles
    assert.match(
      writer.why,
      /^Who \(.*proofgate\.yaml:\d+\): found proofgate:aaguid "none", expected/,
    )
    assert.equal(writer.trust[0].result, 'miss')
  })

  it('follow the facts that are supposed', async () => {
    const model = fact('proofgate:Aaguid', trustedModel)
    const one = await explained('POST /x', '--as', 'ann', ...model)
    assert.deepEqual([one.answer, one.decidedBy.role], ['allow', 'writer'])
    const old = await explained('PUT /ops/x', '--as', 'ann', ...fact('proofgate:AuthAge', '61'))
    assert.deepEqual([old.answer, heldIn(old)['recent']], ['deny', 'no'])
    assert.equal((await explained('POST /x', '--as', 'eve', ...model)).answer, 'deny')
    const only = await explained(
      'GET /own/x',
      '--as',
      'ann',
      ...fact('proofgate:CredentialId', restrictedKey),
    )
    assert.deepEqual([only.answer, heldIn(only)['recent']], ['deny', 'no'])
    assert.match(only.roles[1].why, /^the passkey is for other roles$/)
  })

  it('are taken for the explanation', async () => {
    const taken = await explained('GET /orders', '--as', 'ann', '--role', 'reader')
    assert.deepEqual([taken.answer, taken.role], ['allow', 'reader'])
    const own = await explained('GET /own/x', '--as', 'eve', '--role', 'reader')
    assert.deepEqual([own.answer, own.reason], ['deny', 'policy.role_not_held'])
    const { stdout } = await run('explain', 'GET', `${gate.gateway.api}/orders`, '--as', 'ann')
    assert.match(stdout, /ROLE +KIND +HELD +WHY\nwriter +automatic +no +Who/)
  })

  it('refuse names that are not there, and say which names there are', async () => {
    const asked = ['explain', 'GET', `${gate.gateway.api}/own/x`, '--as']
    const role = await run(...asked, 'ann', '--role', 'nope')
    assert.equal(role.code, 1)
    assert.match(
      role.stderr,
      /^error: There is no such role: found nope, expected writer, recent, /,
    )
    assert.match(role.stderr, /\n {2}Roles come from the configuration in force: /)
    const fact = await run(...asked, 'ann', '--fact', 'proofgate:AuthAges=3', '--json')
    assert.equal(fact.code, 1)
    const { error } = JSON.parse(fact.stderr)
    assert.equal(error.code, 'admin.input_malformed')
    assert.match(
      error.message,
      /found proofgate:AuthAges, expected .* did you mean proofgate:AuthAge\?/,
    )
    const person = await run(...asked, 'nobody')
    assert.match(
      person.stderr,
      /^error: There is no such person: found nobody\n {2}Check the username/,
    )
    const url = await run('policy', 'who-can', 'GET', 'orders')
    assert.match(url.stderr, /^error: The input is malformed: url: found orders, expected http:/)
  })

  it('refuse a passkey that is not there', async () => {
    const { code, stderr } = await run(
      'explain',
      'GET',
      `${gate.gateway.api}/x`,
      '--as',
      'ann',
      '--credential',
      restrictedKey,
    )
    assert.equal(code, 1)
    assert.match(stderr, /There is no such passkey/)
  })

  it('are found again from the record of a request, with what it leaves open', async () => {
    await gate.ask('/recorded', gate.token('ann', { role: 'reader' }))
    const { requestId, id } = (await gate.lastDecision('/recorded')) as any
    const { stdout } = await run('explain', String(id ?? requestId), '--json')
    const again = JSON.parse(stdout)
    assert.deepEqual([again.role, again.answer], ['reader', 'allow'])
    await gate.ask('/recorded-post', gate.token('ann', { aaguid: trustedModel }), 'POST')
    const posted = await gate.lastDecision('/recorded-post')
    const open = JSON.parse((await run('explain', posted.id, '--json')).stdout)
    assert.deepEqual([open.answer, heldIn(open)['writer']], ['depends', 'depends'])
  })

  it('are listed and shown', async () => {
    const list = JSON.parse((await run('roles', 'list', '--json')).stdout)
    assert.deepEqual(
      list.roles.map(({ name, automatic }: any) => [name, automatic]),
      [
        ['writer', true],
        ['recent', true],
        ['teller', false],
        ['manager', false],
        ['guest', true],
        ['reader', false],
      ],
    )
    const reader = JSON.parse((await run('roles', 'show', 'reader', '--json')).stdout)
    assert.equal(reader.arn, 'arn:aws:iam::000000000000:role/reader')
    assert.deepEqual(
      [reader.policies, reader.boundary, reader.tags],
      [['read', 'ops'], 'no-ops', { team: 'readers' }],
    )
    assert.deepEqual(reader.credentials, [{ credential: restrictedKey, until: null }])
    assert.deepEqual(reader.trust[0].conditions, [
      { operator: 'StringEquals', key: 'proofgate:Group', values: ['engineers', 'support'] },
    ])
    const text = (await run('roles', 'show', 'writer')).stdout
    assert.match(text, /passkey +\S+ until 2026-01-01T00:00:00\.000Z/)
    const unknown = await run('roles', 'show', 'nope')
    assert.equal(unknown.code, 1)
    assert.match(unknown.stderr, /There is no such role/)
  })

  it('count among what people can do', async () => {
    const { stdout } = await run('policy', 'who-can', 'POST', `${gate.gateway.api}/x`, '--json')
    const callers = JSON.parse(stdout).callers.map(({ caller, answer }: any) => [caller, answer])
    assert.deepEqual(callers, [['ann', 'maybe']])
    const text = await run('policy', 'who-can', 'POST', `${gate.gateway.api}/x`)
    assert.match(text.stdout, /writer\/\S+ if the role writer is held/)
  })
})

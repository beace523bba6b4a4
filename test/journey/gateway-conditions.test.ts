import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { FakeIssuer } from '../kit/fake-issuer.ts'
import { configurationFile, startGateway } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import type { CallOptions } from '../kit/http.ts'
import { Mint, personId } from '../kit/minting.ts'
import { until } from '../kit/operations.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

const arn = 'arn:aws:execute-api:local:000000000000:app/default'

const staff = `
      - Sid: Tagged
        Effect: Allow
        Action: execute-api:Invoke
        Resource: '*'
        Condition:
          StringEquals: { 'aws:PrincipalTag/Team': payments, 'proofgate:RouteTag/level': low }
      - Sid: Home
        Effect: Allow
        Action: execute-api:Invoke
        Resource: '${arn}/GET/home/\${aws:PrincipalTag/team}/*'
      - Sid: Search
        Effect: Allow
        Action: execute-api:Invoke
        Resource: '${arn}/GET/search'
        Condition:
          'ForAllValues:StringEquals':
            'proofgate:Query/status': [open, in work]
            'proofgate:Header/X-Tenant': blue
          'Null': { 'proofgate:Query/status': false, 'proofgate:Header/x-tenant': false }
      - Sid: Aged
        Effect: Allow
        Action: execute-api:Invoke
        Resource: '${arn}/GET/aged'
        Condition:
          NumericLessThan: { 'proofgate:SessionAge': 600 }
          NumericGreaterThan: { 'proofgate:CredentialAge': 3600 }
          'ForAnyValue:StringEquals': { 'proofgate:Transport': usb }`

const guests = `
      - Sid: Department
        Effect: Allow
        Action: execute-api:Invoke
        Resource: '${arn}/GET/guests/department'
        Condition: { StringEquals: { 'idp:department': payments } }
      - Sid: Boasting
        Effect: Allow
        Action: execute-api:Invoke
        Resource: '${arn}/GET/guests/boasting'
        Condition: { Bool: { 'proofgate:UserVerified': true } }
      - Sid: Named
        Effect: Allow
        Action: execute-api:Invoke
        Resource: '${arn}/GET/guests/\${aws:username}'`

describe('what a configuration lets conditions see', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  const issuer = new FakeIssuer('idp')
  let text: string
  let file: string
  let gateway: GatewayProcess
  let mint: Mint
  let people: Readonly<Record<'carol' | 'dave', string>>

  before(async () => {
    await issuer.listen()
    text = `version: 1
domain: proofgate.localhost
upstreams: { main: { url: 'http://127.0.0.1:${await upstream.listen()}' } }
issuers:
  idp: { issuer: '${issuer.url}', audiences: ['api://orders'], usernameClaim: name, conditionClaims: [department], dangerously_allowHttp: true }
apis:
  app:
    host: api.proofgate.localhost
    upstream: main
    routes:
      - { method: GET, path: /plain }
      - { method: GET, path: /tagged, tags: { Level: low } }
      - { method: GET, path: /guarded, tags: { Level: high } }
      - { method: GET, path: '/home/{team}/{file}' }
      - { method: GET, path: /search, conditionQuery: [status], conditionHeaders: [x-tenant] }
      - { method: GET, path: /aged }
      - { method: GET, path: '/guests/{what}', authorizer: idp }
people:
  - { username: carol, groups: [staff], tags: { team: payments } }
  - { username: dave, groups: [staff] }
groups:
  staff: { policies: [staff] }
  guests: { policies: [guests] }
policies:
  staff:
    Version: '2012-10-17'
    Statement:${staff}
  guests:
    Version: '2012-10-17'
    Statement:${guests}
`
    file = configurationFile(text)
    gateway = await startGateway({ command: ['serve', '--config', file] })
    mint = new Mint(gateway)
    people = { carol: personId(gateway, 'carol'), dave: personId(gateway, 'dave') }
  })
  after(async () => {
    issuer.close()
    await gateway.stop().finally(() => upstream.close())
  })

  const answer = async (
    path: string,
    token: string,
    headers: CallOptions['headers'] = {},
  ): Promise<string> => {
    const got = await call(`${gateway.api}${path}`, {
      headers: { authorization: `Bearer ${token}`, ...headers },
    })
    return got.status === 200 ? 'allowed' : got.json().code
  }
  const none = 'policy.no_statement_allows'
  const failed = 'policy.evaluation_failed'

  it('is the tags of the person together with those of the route', async () => {
    const [carol, dave] = [mint.token(people.carol), mint.token(people.dave)]
    assert.equal(await answer('/tagged', carol), 'allowed')
    assert.equal(await answer('/guarded', carol), none)
    assert.equal(await answer('/plain', carol), none)
    assert.equal(await answer('/tagged', dave), none)
    assert.equal(await answer('/tagged', mint.token(people.dave, { team: 'payments' })), none)
  })

  it('is a tag in the place of a variable, which nobody without the tag fills', async () => {
    const [carol, dave] = [mint.token(people.carol), mint.token(people.dave)]
    assert.equal(await answer('/home/payments/a', carol), 'allowed')
    assert.equal(await answer('/home/other/a', carol), none)
    assert.equal(await answer('/home/payments/a', dave), none)
  })

  it('is every value of a declared parameter and header, however they are written', async () => {
    const token = mint.token(people.dave)
    const blue = { 'x-tenant': 'blue' }
    for (const query of ['status=open', 'status=open&status=in+work', 'a=1&status=in%20work']) {
      assert.equal(await answer(`/search?${query}`, token, blue), 'allowed', query)
    }
    for (const query of [
      '',
      'a=1',
      'status=other',
      'status=open&status=other',
      'status=other&status=open',
      'status=open&Status=other',
      'status=open&status[]=other',
      'status=open&%73tatus=other',
      'status=open&status',
    ]) {
      assert.equal(await answer(`/search?${query}`, token, blue), none, query)
    }
    for (const query of ['status=open;status=other', 'status=%zz', 'st%atus=open&status=open']) {
      assert.equal(await answer(`/search?${query}`, token, blue), failed, query)
    }
    for (const headers of [
      {},
      { 'x-tenant': 'red' },
      { 'x-tenant': ['blue', 'red'] },
      { 'x-tenant': 'blue', x_tenant: 'red' },
      { 'x-tenant': 'blue, red' },
    ]) {
      assert.equal(await answer('/search?status=open', token, headers), none)
    }
  })

  it('is what the token says of session and credential', async () => {
    const seconds = Math.floor(Date.now() / 1000)
    const good = {
      session_time: seconds - 60,
      credential_time: seconds - 7200,
      transports: ['usb'],
    }
    assert.equal(await answer('/aged', mint.token(people.dave, good)), 'allowed')
    for (const more of [
      {},
      { ...good, session_time: undefined },
      { ...good, session_time: seconds - 6000 },
      { ...good, credential_time: seconds },
      { ...good, transports: ['internal'] },
      { ...good, transports: [] },
    ]) {
      assert.equal(await answer('/aged', mint.token(people.dave, more)), none, JSON.stringify(more))
    }
  })

  it('is declared claims of an external issuer, and nothing else it says', async () => {
    const token = (more: Readonly<Record<string, unknown>>): string =>
      issuer.token({ groups: ['guests'], name: 'carol', ...more })
    const at = (path: string, more: Readonly<Record<string, unknown>>): Promise<string> =>
      answer(`/guests/${path}`, token(more))
    assert.equal(await at('department', { department: 'payments' }), 'allowed')
    assert.equal(await at('department', { department: ['sales', 'payments'] }), 'allowed')
    for (const department of [undefined, null, '', 'Payments', ['sales'], []]) {
      assert.equal(await at('department', { department }), none, JSON.stringify(department))
    }
    assert.equal(await at('department', { department: { is: 'payments' } }), failed)
    const boast = { uv: 'true', aaguid: 'x', be: 'false', acr: 'phrh', credential_id: 'c' }
    assert.equal(await at('boasting', boast), none)
    assert.equal(await at('carol', {}), none)
  })

  it('is refused at a reload when a policy names what does not exist, and stays in force', async () => {
    const replace = (next: string): void => {
      writeFileSync(`${file}.new`, next)
      renameSync(`${file}.new`, file)
    }
    replace(text.replace('proofgate:RouteTag/level', 'proofgate:RouteTags/level'))
    const refused = 'configuration refused; the one in force stays'
    await until('the fault is told', async () => gateway.errors().includes(refused))
    assert.match(gateway.errors(), /did you mean proofgate:RouteTag\/level\?/)
    const token = mint.token(people.carol)
    assert.equal(await answer('/tagged', token), 'allowed')
    replace(text.replace('team: payments }', 'team: sales }'))
    await until('the tag is another', async () => (await answer('/tagged', token)) === none)
    assert.equal(await answer('/home/sales/a', token), 'allowed')
    const doubts = (): number =>
      gateway.errors().match(/proofgate\.yaml:31:9 {2}policy\.warn_every_resource/g)?.length ?? 0
    await until('it is doubted again', () => doubts() >= 2)
    assert.equal(doubts(), 2, 'at the start and at the reload')
  })
})

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Gate } from '../kit/gate.ts'
import type { Client } from '../kit/http.ts'
import { SoftPerson } from '../kit/person.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

const navigation = {
  accept: 'text/html,application/xhtml+xml',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-site': 'none',
}

/** @param credentialRoles - the whole entry. */
function configuration(port: number, verified: boolean, credentialRoles = ''): string {
  const trust = (verification: boolean): string =>
    `{ Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: '*', Action: 'sts:AssumeRole', Condition: { Bool: { 'proofgate:UserVerified': ${verification} } } }] }`
  const allow = (what: string): string =>
    `{ Version: '2012-10-17', Statement: [{ Effect: Allow, Action: 'execute-api:Invoke', Resource: 'arn:aws:execute-api:*:*:app/*/GET/${what}/*' }] }`
  return `version: 1
people: [{ username: ann, groups: [staff] }]
groups: { staff: { policies: [own] } }
policies: { own: ${allow('own')}, verified: ${allow('verified')} }
roles:
  verified: { automatic: true, trust: ${trust(verified)}, policies: [verified] }
  other: { automatic: true, trust: ${trust(!verified)}, policies: [own] }
${credentialRoles}upstreams: { main: { url: 'http://127.0.0.1:${port}' } }
apis:
  app:
    upstream: main
    routes: [{ method: ANY, path: '/{rest+}' }]
`
}

describe('roles of browser sessions', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  let gate: Gate
  let person: SoftPerson
  let port: number

  before(async () => {
    port = await upstream.listen()
    gate = await Gate.start(configuration(port, true))
    person = new SoftPerson(gate.gateway)
    await person.enrolByLink(gate.gateway.enrolment?.link ?? '')
  })
  after(async () => {
    await gate.stop().finally(() => upstream.close())
  })

  async function signedIn(): Promise<Client> {
    const { client } = person
    const begun = await client.call(`${gate.gateway.api}/own/x`, { headers: navigation })
    const handedOff = await client.call(String(begun.headers.location), { headers: navigation })
    const opened = await client.call(String(handedOff.headers.location), { headers: navigation })
    assert.equal(opened.status, 303, opened.text)
    return client
  }

  it('are held by what the passkey proved, and lost with the configuration', async () => {
    const client = await signedIn()
    const status = async (path: string): Promise<number> =>
      (await client.call(`${gate.gateway.api}${path}`)).status
    assert.deepEqual([await status('/own/x'), await status('/verified/x')], [200, 200])
    assert.equal((await gate.lastDecision('/verified/x')).what?.['role'], 'verified')
    await gate.change(configuration(port, false), 'the role is lost', async () => {
      return (await status('/verified/x')) === 403
    })
    assert.equal(await status('/own/x'), 200)
    const [{ credential = '' } = {}] = [(await gate.lastDecision('/own/x')).who]
    const restriction = `credentialRoles: [{ credential: ${credential}, roles: [verified] }]\n`
    await gate.change(
      configuration(port, true, restriction),
      'the passkey is restricted',
      async () => {
        return (await status('/own/x')) === 403
      },
    )
    assert.equal(await status('/verified/x'), 200)
    const ended = restriction.replace(' }]', ', until: 2026-01-01 }]')
    await gate.change(configuration(port, true, ended), 'its time is over', async () => {
      return (await status('/verified/x')) === 403
    })
  })
})

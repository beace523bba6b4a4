import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  administer,
  atOnce,
  callApi,
  databaseOf,
  enrolled,
  inDatabase,
  postForm,
  startHouse,
  startRecorder,
} from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import type { Answer } from '../kit/http.ts'
import { authorize, codeFields, obtainTokens, ProofKey, requestTokens } from '../kit/person.ts'
import type { Authorization, SoftPerson, Tokens } from '../kit/person.ts'

let recorder: Recorder
let gateway: GatewayProcess
let alice: SoftPerson
let bob: SoftPerson

before(async () => {
  recorder = await startRecorder()
  gateway = await startHouse(recorder)
  alice = await enrolled(gateway, 'alice')
  bob = await enrolled(gateway, 'bob')
})
after(async () => {
  await gateway.stop()
  recorder.close()
})

const token = (): string => `${gateway.issuer}/oauth2/token`
const refreshFields = (tokens: Tokens): Record<string, string> => ({
  grant_type: 'refresh_token',
  refresh_token: tokens.refresh_token,
})

function refused(answer: Answer, error: string): void {
  assert.equal(answer.status, 400, answer.text)
  assert.equal(answer.json().error, error, answer.text)
}

describe('refreshing', () => {
  test('for an API that was not granted is refused and costs nothing', async () => {
    const { tokens, key } = await obtainTokens(alice)
    const elsewhere = { ...refreshFields(tokens), resource: 'http://elsewhere.localhost' }
    refused(await requestTokens(alice, key, elsewhere), 'invalid_target')
    assert.equal((await requestTokens(alice, key, refreshFields(tokens))).status, 200)
  })

  test('rotates: the new token works, the old one takes the whole family down', async () => {
    const { tokens, key } = await obtainTokens(alice)
    const second = await requestTokens(alice, key, refreshFields(tokens))
    assert.equal(second.status, 200, second.text)
    const newer = second.json() as Tokens
    assert.notEqual(newer.refresh_token, tokens.refresh_token)
    const url = `${gateway.api}/orders`
    assert.equal((await callApi(url, key, newer.access_token)).status, 200)
    refused(await requestTokens(alice, key, refreshFields(tokens)), 'invalid_grant')
    refused(await requestTokens(alice, key, refreshFields(newer)), 'invalid_grant')
    assert.equal((await callApi(url, key, newer.access_token)).status, 401)
  })

  test('works once when twenty ask at once, and the family then ends', async () => {
    const { tokens, key } = await obtainTokens(alice)
    const answers: Answer[] = []
    const counts = await atOnce(20, async () => {
      const answer = await requestTokens(alice, key, refreshFields(tokens))
      answers.push(answer)
      return answer
    })
    assert.deepEqual(counts, { 200: 1, 400: 19 })
    const newer = answers.find(({ status }) => status === 200)?.json() as Tokens
    refused(await requestTokens(alice, key, refreshFields(newer)), 'invalid_grant')
    assert.equal((await callApi(`${gateway.api}/orders`, key, newer.access_token)).status, 401)
  })

  test('takes a proof by the key the family began with', async () => {
    const { tokens, key } = await obtainTokens(alice)
    const fields = { client_id: 'proofgate-cli', ...refreshFields(tokens) }
    refused(await postForm(token(), fields), 'invalid_grant')
    refused(await requestTokens(alice, new ProofKey(), refreshFields(tokens)), 'invalid_grant')
    assert.equal((await requestTokens(alice, key, refreshFields(tokens))).status, 200)
  })

  test('fails for another client', async () => {
    const { tokens, key } = await obtainTokens(alice)
    const fields = { ...refreshFields(tokens), client_id: 'ours' }
    refused(await requestTokens(alice, key, fields), 'invalid_grant')
  })

  test('widens neither scope nor resource', async () => {
    const narrow = async (): Promise<{ back: Authorization; tokens: Tokens }> => {
      const more = { scope: 'openid offline_access invoke', resource: gateway.api }
      const back = await authorize(alice, more)
      return {
        back,
        tokens: (await requestTokens(alice, back.key, codeFields(back))).json() as Tokens,
      }
    }
    const { back, tokens } = await narrow()
    const wider = await requestTokens(alice, back.key, {
      ...refreshFields(tokens),
      scope: 'openid offline_access invoke groups',
    })
    refused(wider, 'invalid_scope')
    const ledger = gateway.apis.find(({ name }) => name === 'ledger')?.audience ?? ''
    for (const resource of [ledger, 'https://evil.example']) {
      const next = await narrow()
      const fields = { ...refreshFields(next.tokens), resource }
      const other = await requestTokens(alice, next.back.key, fields)
      refused(other, 'invalid_target')
    }
  })

  test('ends with the first token of the family, however often it was rotated', async () => {
    const { tokens, key } = await obtainTokens(alice)
    const expiry = (): number[] =>
      inDatabase(databaseOf(gateway), (database) =>
        database
          .prepare(`SELECT expires_at FROM provider_object WHERE type = 'RefreshToken'`)
          .all()
          .map((row) => (row as { expires_at: number }).expires_at),
      )
    inDatabase(databaseOf(gateway), (database) =>
      database.exec(
        `DELETE FROM provider_object WHERE type = 'RefreshToken' AND consumed_at IS NOT NULL`,
      ),
    )
    const before = Math.max(...expiry())
    await new Promise((resolve) => setTimeout(resolve, 1500))
    const second = (await requestTokens(alice, key, refreshFields(tokens))).json() as Tokens
    assert.equal((await requestTokens(alice, key, refreshFields(second))).status, 200)
    assert.ok(Math.max(...expiry()) <= before + 1000, 'rotation prolonged the family')
    inDatabase(databaseOf(gateway), (database) =>
      database.exec(`UPDATE provider_object SET expires_at = 1 WHERE type = 'RefreshToken'`),
    )
    refused(await requestTokens(alice, key, refreshFields(second)), 'invalid_grant')
  })

  test('shows groups as they are now, and fails for a disabled person, also once enabled again', async () => {
    const { tokens, key } = await obtainTokens(bob)
    assert.deepEqual(claimsOf(tokens.access_token)['groups'], ['members'])
    await administer(gateway, 'POST', '/v1/people/bob/groups', { groups: ['extra'] })
    const wider = (await requestTokens(bob, key, refreshFields(tokens))).json() as Tokens
    assert.deepEqual(claimsOf(wider.access_token)['groups'], ['extra', 'members'])
    await administer(gateway, 'POST', '/v1/people/bob/groups', { groups: [] })
    const narrower = (await requestTokens(bob, key, refreshFields(wider))).json() as Tokens
    assert.deepEqual(claimsOf(narrower.access_token)['groups'], ['members'])
    assert.deepEqual(claimsOf(narrower.id_token)['groups'], ['members'])
    await administer(gateway, 'POST', '/v1/people/bob/disable')
    refused(await requestTokens(bob, key, refreshFields(narrower)), 'invalid_grant')
    await administer(gateway, 'POST', '/v1/people/bob/enable')
    refused(await requestTokens(bob, key, refreshFields(narrower)), 'invalid_grant')
    assert.equal((await callApi(`${gateway.api}/orders`, key, narrower.access_token)).status, 401)
  })
})

function claimsOf(jwt: string): Record<string, unknown> {
  const [, payload = ''] = jwt.split('.')
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
}

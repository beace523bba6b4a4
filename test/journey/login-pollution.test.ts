import assert from 'node:assert/strict'
import { test } from 'node:test'
import { administer, callApi, enrolled, startHouse, startRecorder } from '../kit/flows.ts'
import { call } from '../kit/http.ts'
import { obtainTokens, SoftPerson } from '../kit/person.ts'

const polluted = ['isAdmin', 'allow', 'admin', 'authorizer', 'firstParty', 'takenAt', 'last']
const program = polluted
  .map(
    (name) =>
      `Object.defineProperty(Object.prototype,'${name}',{value:true,writable:true,configurable:true})`,
  )
  .join(';')

test('a polluted prototype changes no decision: who may still may, who may not still may not', async () => {
  const recorder = await startRecorder()
  const gateway = await startHouse(recorder, {
    environment: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(program)}` },
  })
  try {
    assert.equal((await call(`${gateway.api}/orders`)).status, 401)
    const alice = await enrolled(gateway, 'alice')
    await administer(gateway, 'POST', '/v1/people', { username: 'nobody' })
    const nobody = await enrolled(gateway, 'nobody')
    const { tokens, key } = await obtainTokens(alice)
    const url = `${gateway.api}/orders`
    assert.equal((await callApi(url, key, tokens.access_token)).status, 200)
    const other = await obtainTokens(nobody)
    assert.equal((await callApi(url, other.key, other.tokens.access_token)).status, 403)
    const stranger = new SoftPerson(gateway)
    assert.equal((await stranger.enrol('guess')).status, 403)
    const id = alice.authenticator.credentials[0]?.id ?? ''
    const removed = await administer(gateway, 'POST', `/v1/credentials/${id}/remove`, {})
    assert.equal(removed.status, 409, 'the last key stays')
    assert.equal(recorder.seen.length, 1)
  } finally {
    recorder.close()
    await gateway.stop()
  }
})

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { recordsOf } from '../kit/minting.ts'
import {
  authorizationUrl,
  callApi,
  enrolled,
  follow,
  houseText,
  startRecorder,
} from '../kit/flows.ts'
import type { Asked, Recorder } from '../kit/flows.ts'
import { configurationFile, startGateway } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import type { Answer } from '../kit/http.ts'
import { authorize, codeFields, requestTokens, SoftPerson } from '../kit/person.ts'
import type { ProofKey } from '../kit/person.ts'

const readOrders = 'arn:aws:execute-api:local:000000000000:orders/default/GET/orders'
const reading = {
  Version: '2012-10-17',
  Statement: { Effect: 'Allow', Action: 'execute-api:Invoke', Resource: readOrders },
}
const trust = (username: string): string =>
  `{ Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: '*', Action: 'sts:AssumeRole', Condition: { StringEquals: { 'aws:username': ${username} } } }] }`
const more = `
roles:
  reader: { policies: [everything], boundary: reading, trust: ${trust('alice')} }
  moment: { policies: [everything], maxSession: 1m, trust: ${trust('alice')} }
  locked: { policies: [everything], trust: ${trust('bob')} }
`
const policies = `policies:
  reading: ${JSON.stringify(reading)}
  everything:`

let recorder: Recorder
let gateway: GatewayProcess
let alice: SoftPerson

before(async () => {
  recorder = await startRecorder()
  const text = houseText(recorder.url, more)
    .replace('policies:\n  everything:', policies)
    .replace(
      'firstParty: true\n    scopes: [openid, invoke]',
      'firstParty: true\n    scopes: [openid, invoke, "role:reader"]',
    )
    .replace(
      'a-reader-secret-of-32-characters\n    scopes: [openid]',
      'a-reader-secret-of-32-characters\n    scopes: [openid, invoke, "role:reader"]',
    )
  gateway = await startGateway({ command: ['serve', '--config', configurationFile(text)] })
  alice = await enrolled(gateway, 'alice')
})
after(async () => {
  await gateway.stop()
  recorder.close()
})

const usual = 'openid profile groups offline_access invoke'

interface Signed {
  readonly answer: Answer
  readonly key: ProofKey
}

async function signIn(scope: string, form: Record<string, string> = {}): Promise<Signed> {
  const authorization = await authorize(alice, { scope })
  const { key } = authorization
  const answer = await requestTokens(alice, key, { ...codeFields(authorization), ...form })
  return { answer, key }
}

function refresh({ answer, key }: Signed, form: Record<string, string> = {}): Promise<Answer> {
  const { refresh_token } = answer.json()
  return requestTokens(alice, key, { grant_type: 'refresh_token', refresh_token, ...form })
}

function claimsOf(answer: Answer): any {
  assert.equal(answer.status, 200, answer.text)
  const [, payload = ''] = String(answer.json().access_token).split('.')
  return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
}

async function statusOf(key: ProofKey, answer: Answer, path: string): Promise<string> {
  const { access_token } = answer.json()
  const got = await callApi(`${gateway.api}${path}`, key, access_token)
  return got.status === 200 ? '200' : String(got.json().code)
}

function refused(answer: Answer, error: string): void {
  assert.equal(answer.status, 400, answer.text)
  assert.equal(answer.json().error, error, answer.text)
}

describe('taking a role', { timeout: 180_000 }, () => {
  test('gives tokens that are for the role and say so', async () => {
    const signed = await signIn(`${usual} role:reader`)
    const claims = claimsOf(signed.answer)
    assert.equal(claims.role, 'reader')
    assert.equal(await statusOf(signed.key, signed.answer, '/orders'), '200')
    const records = await recordsOf(gateway)
    const issued = records.findLast(({ action }) => action === 'token.issue')
    assert.equal(issued?.what?.['role'], 'reader')
    const decided = records.findLast(({ kind }) => kind === 'decision')
    assert.equal(decided?.what?.['assumedRole'], 'reader')
  })

  test('stays with the sign-in, whatever a refresh asks for', async () => {
    const signed = await signIn(`${usual} role:reader`)
    const narrower = await refresh(signed, { scope: 'openid invoke' })
    assert.equal(claimsOf(narrower).role, 'reader')
    const again = await refresh({ answer: narrower, key: signed.key })
    assert.equal(claimsOf(again).role, 'reader')
  })

  test('is not in tokens of a sign-in without it', async () => {
    const { answer } = await signIn(usual)
    const claims = claimsOf(answer)
    assert.equal(claims.role, undefined)
    assert.equal(claims.role_until, undefined)
    refused(await refresh({ answer, key: (await signIn(usual)).key }), 'invalid_grant')
  })

  test('is refused for a role that is not there, and for two at once', async () => {
    for (const scope of ['role:nobody', 'role:', 'role:reader role:locked']) {
      refused((await signIn(`${usual} ${scope}`)).answer, 'invalid_scope')
    }
  })

  test('of a role that the person does not hold is of no use', async () => {
    const { answer, key } = await signIn(`${usual} role:locked`)
    assert.equal(claimsOf(answer).role, 'locked')
    assert.equal(await statusOf(key, answer, '/orders'), 'policy.role_not_held')
  })

  test('ends all tokens when the time of the role ends', async () => {
    const { answer } = await signIn(`${usual} role:moment`)
    const { exp, iat, session_time: began } = claimsOf(answer)
    assert.ok(exp <= began + 60, `${exp} ${began}`)
    assert.ok(exp > iat)
  })

  test('is for clients that may ask for it', async () => {
    const asked = authorizationUrl(gateway, {
      client_id: 'portal',
      redirect_uri: 'https://portal.example/cb',
      scope: 'openid invoke role:reader',
    })
    const back = await follow(alice, asked)
    assert.equal(back.searchParams.get('error'), 'invalid_scope')
    const ours = authorizationUrl(gateway, {
      client_id: 'ours',
      redirect_uri: 'https://ours.example/cb',
      scope: 'openid invoke role:reader',
    })
    assert.notEqual((await follow(alice, ours)).searchParams.get('code'), null)
  })
})

describe('a client of somebody else', { timeout: 180_000 }, () => {
  const asked = (scope: string, more: Record<string, string> = {}): Asked =>
    authorizationUrl(gateway, {
      client_id: 'reader',
      redirect_uri: 'https://reader.example/cb',
      prompt: undefined,
      scope,
      ...more,
    })

  async function agree(person: SoftPerson, scope: string): Promise<URL> {
    const wish = asked(scope)
    const page = await follow(person, wish)
    assert.match(page.pathname, /^\/interaction\//, page.href)
    const { text } = await person.client.call(page.href, { headers: { accept: 'text/html' } })
    const csrf = /name="csrf" value="([^"]+)"/.exec(text)?.[1] ?? ''
    const given = await person.client.form(`${page.href}/consent`, { csrf, decision: 'allow' })
    const next = new URL(given.headers.location ?? '', page).href
    const { url } = await person.client.follow(next, (location) =>
      location.startsWith(wish.redirectUri),
    )
    return new URL(url)
  }

  test('that was given a role was given nothing beside it, and is not given it again unasked', async () => {
    const person = new SoftPerson(gateway, alice.authenticator)
    assert.ok((await agree(person, 'openid invoke role:reader')).searchParams.has('code'))
    for (const scope of ['openid invoke', 'openid', 'openid invoke role:reader']) {
      const page = await follow(person, asked(scope))
      assert.match(page.pathname, /^\/interaction\//, `${scope} ${page.href}`)
      const silent = await follow(person, asked(scope, { prompt: 'none' }))
      assert.equal(silent.searchParams.get('error'), 'consent_required', silent.href)
    }
    assert.ok((await agree(person, 'openid invoke')).searchParams.has('code'))
    assert.ok((await follow(person, asked('openid invoke'))).searchParams.has('code'))
    const silent = await follow(person, asked('openid invoke role:reader', { prompt: 'none' }))
    assert.equal(silent.searchParams.get('error'), 'consent_required', silent.href)
  })
})

describe('a session policy', { timeout: 180_000 }, () => {
  const ledgerOnly = JSON.stringify(reading).replace(':orders/', ':ledger/')

  test('narrows the token it was asked for with, and no other', async () => {
    const signed = await signIn(usual)
    assert.equal(await statusOf(signed.key, signed.answer, '/orders'), '200')
    const narrowed = await refresh(signed, { session_policy: ledgerOnly })
    assert.equal(claimsOf(narrowed).session_policy, ledgerOnly)
    assert.equal(
      await statusOf(signed.key, narrowed, '/orders'),
      'policy.session_policy_does_not_allow',
    )
    const same = await refresh(
      { answer: narrowed, key: signed.key },
      {
        session_policy: JSON.stringify(reading),
      },
    )
    assert.equal(await statusOf(signed.key, same, '/orders'), '200')
    const records = await recordsOf(gateway)
    const issued = records.findLast(({ action }) => action === 'token.issue')
    assert.equal(issued?.what?.['narrowed'], true)
  })

  test('never widens a role', async () => {
    const all = { Effect: 'Allow', Action: '*', Resource: '*' }
    const session_policy = JSON.stringify({ Version: '2012-10-17', Statement: all })
    const { answer, key } = await signIn(`${usual} role:locked`, { session_policy })
    assert.equal(await statusOf(key, answer, '/orders'), 'policy.role_not_held')
  })

  test('that is none is refused, and says what is wrong', async () => {
    for (const [text, why] of [
      ['{', /no JSON/],
      ['{"Version":"2012-10-17","Statement":[],"Statement":[]}', /no JSON/],
      ['{"Version":"2012-10-17","Statement":[{"Effect":"Allow"}]}', /Action/],
      [`{"Version":"2012-10-17","Id":"${'x'.repeat(3000)}","Statement":[]}`, /longer/],
      ['x'.repeat(5000), /at most 4096/],
    ] as const) {
      const { answer } = await signIn(usual, { session_policy: text })
      refused(answer, 'invalid_request')
      assert.match(answer.json().error_description, why)
    }
  })

  test('that is none costs nobody their sign-in', async () => {
    const signed = await signIn(usual)
    for (const session_policy of ['{', 'x'.repeat(5000), '{"Version":"2012-10-17"}']) {
      refused(await refresh(signed, { session_policy }), 'invalid_request')
    }
    claimsOf(await refresh(signed))
  })
})

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  administer,
  callApi,
  databaseOf,
  enrolled,
  inDatabase,
  startHouse,
  startRecorder,
  eventually,
} from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import { startGateway } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { call, Client } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import { obtainTokens, requestTokens, SoftPerson } from '../kit/person.ts'
import { freePort } from '../kit/ports.ts'
import { SoftAuthenticator } from '../kit/soft-authenticator.ts'

let recorder: Recorder
let gateway: GatewayProcess
let alice: SoftPerson
let bob: SoftPerson

before(async () => {
  recorder = await startRecorder()
  gateway = await startHouse(recorder, { port: await freePort() })
  alice = await enrolled(gateway, 'alice')
  bob = await enrolled(gateway, 'bob')
})
after(async () => {
  await gateway.stop()
  recorder.close()
})

const account = (): string => `${gateway.identity}/account`

/** Somebody's key in a browser of its own, signed in. */
async function inNewBrowser(person: SoftPerson): Promise<SoftPerson> {
  const other = new SoftPerson(gateway, person.authenticator)
  assert.equal((await other.signIn()).status, 200)
  await other.readCsrf()
  return other
}

async function isSignedIn(person: Pick<SoftPerson, 'client'>): Promise<boolean> {
  return (await person.client.call(account())).status === 200
}

async function credentialIds(username: string): Promise<string[]> {
  const answer = await administer(gateway, 'GET', `/v1/people/${username}/credentials`)
  return answer.json().credentials.map(({ id }: { id: string }) => id)
}

/** Adds a key of its own to a person. */
async function addKey(person: SoftPerson): Promise<SoftAuthenticator> {
  const device = new SoftAuthenticator()
  const { identity } = gateway
  const asked = await person.client.post(`${identity}/webauthn/registration/options`, {})
  assert.equal(asked.status, 200, asked.text)
  const response = device.create(asked.json(), { origin: person.origin })
  const done = await person.client.post(`${identity}/webauthn/registration/verify`, response)
  assert.equal(done.status, 200, done.text)
  return device
}

const idOf = (device: SoftAuthenticator): string => device.credentials[0]?.id ?? ''

function credentialForm(
  person: SoftPerson,
  id: string,
  act: 'rename' | 'remove',
  more: Record<string, string> = {},
): Promise<Answer> {
  return person.client.form(`${account()}/credentials/${id}/${act}`, { csrf: person.csrf, ...more })
}

function refused(answer: Answer, status: number, code: string): void {
  assert.equal(answer.status, status, answer.text)
  assert.equal(answer.json().code, code)
}

describe('keys on the account page', () => {
  test('a second one signs in by itself', async () => {
    const person = await inNewBrowser(alice)
    const device = await addKey(person)
    const other = new SoftPerson(gateway, device)
    assert.equal((await other.signIn()).status, 200)
    assert.ok(await isSignedIn(other))
  })

  test('are renamed by their owner, to one line of text', async () => {
    const person = await inNewBrowser(alice)
    const id = idOf(await addKey(person))
    const hostile = '"><img src=x onerror=alert(1)>{{7*7}}</script>'
    assert.equal((await credentialForm(person, id, 'rename', { name: hostile })).status, 200)
    const page = await person.client.call(account())
    assert.ok(page.text.includes('&lt;img src=x onerror=alert(1)&gt;{{7*7}}'))
    assert.ok(!page.text.includes('<img src=x'))
    for (const name of ['', ' ', 'a'.repeat(65), 'two\nlines', 'nul\0', '\u2028']) {
      refused(await credentialForm(person, id, 'rename', { name }), 400, 'identity.name_malformed')
    }
    const other = await inNewBrowser(bob)
    refused(
      await credentialForm(other, id, 'rename', { name: 'Mine' }),
      404,
      'identity.unknown_credential',
    )
  })

  test('are removed with a touch from the last minutes, and never the last one', async () => {
    const person = await inNewBrowser(bob)
    const [first = ''] = await credentialIds('bob')
    refused(await credentialForm(person, first, 'remove'), 409, 'identity.last_credential')
    const second = idOf(await addKey(person))
    inDatabase(databaseOf(gateway), (database) =>
      database.exec('UPDATE session SET proved_at = proved_at - 3600000'),
    )
    refused(await credentialForm(person, second, 'remove'), 403, 'login.proof_required')
    assert.equal((await person.signIn('confirm')).status, 200)
    assert.equal((await credentialForm(person, second, 'remove')).status, 200)
    assert.deepEqual(await credentialIds('bob'), [first])
    refused(await credentialForm(person, second, 'remove'), 404, 'identity.unknown_credential')
  })

  test('two removed at the same time leave one', async () => {
    await administer(gateway, 'POST', '/v1/people', { username: 'frank' })
    const frank = await enrolled(gateway, 'frank')
    await frank.readCsrf()
    await addKey(frank)
    const ids = await credentialIds('frank')
    await Promise.all(ids.map((id) => credentialForm(frank, id, 'remove')))
    assert.equal((await credentialIds('frank')).length, 1)
  })

  test('of somebody else are not there', async () => {
    const person = await inNewBrowser(alice)
    const [foreign = ''] = await credentialIds('bob')
    refused(await credentialForm(person, foreign, 'remove'), 404, 'identity.unknown_credential')
  })
})

describe('sessions on the account page', () => {
  test('are ended one by one, by their person only', async () => {
    const one = await inNewBrowser(alice)
    const two = await inNewBrowser(alice)
    const id = await currentSessionOf(two)
    const other = await inNewBrowser(bob)
    const foreign = await other.client.form(`${account()}/sessions/${id}/end`, { csrf: other.csrf })
    refused(foreign, 404, 'login.unknown_session')
    assert.ok(await isSignedIn(two))
    const ended = await one.client.form(`${account()}/sessions/${id}/end`, { csrf: one.csrf })
    assert.equal(ended.status, 200)
    assert.ok(!(await isSignedIn(two)))
    assert.ok(await isSignedIn(one))
  })

  test('all end at once with what was granted to applications', async () => {
    const one = await inNewBrowser(alice)
    const two = await inNewBrowser(alice)
    const { tokens, key } = await obtainTokens(two)
    const url = `${gateway.api}/orders`
    assert.equal((await callApi(url, key, tokens.access_token)).status, 200)
    const done = await one.client.form(`${account()}/sessions/end-all`, { csrf: one.csrf })
    assert.equal(done.status, 200, done.text)
    assert.ok(!(await isSignedIn(one)))
    assert.ok(!(await isSignedIn(two)))
    assert.equal((await callApi(url, key, tokens.access_token)).status, 401)
    const fields = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
    assert.equal((await requestTokens(two, key, fields)).json().error, 'invalid_grant')
  })

  test('signing out ends this one, and its cookie is worth nothing afterwards', async () => {
    const person = await inNewBrowser(alice)
    const handle = person.client.cookie(gateway.identity, 'pg_session') ?? ''
    const done = await person.client.form(`${gateway.identity}/sign-out`, { csrf: person.csrf })
    assert.equal(done.status, 200)
    assert.equal(person.client.cookie(gateway.identity, 'pg_session'), undefined)
    const stolen = new Client()
    stolen.setCookie(gateway.identity, 'pg_session', handle)
    assert.equal((await stolen.call(account())).status, 303)
  })

  test('end without use after an hour, and in any case after twelve', async () => {
    const idle = await inNewBrowser(alice)
    inDatabase(databaseOf(gateway), (database) =>
      database.exec('UPDATE session SET last_seen_at = last_seen_at - 3600000'),
    )
    assert.ok(!(await isSignedIn(idle)))
    const old = await inNewBrowser(alice)
    inDatabase(databaseOf(gateway), (database) =>
      database.exec('UPDATE session SET expires_at = expires_at - 12 * 3600000'),
    )
    assert.ok(!(await isSignedIn(old)))
  })
})

async function currentSessionOf(person: SoftPerson): Promise<string> {
  const { sessions } = (await administer(gateway, 'GET', '/v1/sessions')).json()
  const before = new Set(sessions.map(({ id }: { id: string }) => id))
  const page = await person.client.call(account())
  const ids = [...page.text.matchAll(/\/account\/sessions\/([^/"]+)\/end/g)].map((one) => one[1])
  const browser = sessions.filter(({ kind }: { kind: string }) => kind === 'browser')
  const own = browser.filter(({ id }: { id: string }) => before.has(id) && ids.includes(id))
  return own.at(-1).id
}

describe('handles', () => {
  test('are new after signing in, signing in again and confirming; the old ones are dead', async () => {
    const person = new SoftPerson(gateway, alice.authenticator)
    const planted = 'a'.repeat(43)
    person.client.setCookie(gateway.identity, 'pg_session', planted)
    const seen = [planted]
    for (const purpose of ['sign-in', 'sign-in', 'confirm', 'confirm'] as const) {
      assert.equal((await person.signIn(purpose)).status, 200)
      seen.push(person.client.cookie(gateway.identity, 'pg_session') ?? '')
    }
    assert.equal(new Set(seen).size, seen.length)
    for (const [index, handle] of seen.entries()) {
      const client = new Client()
      client.setCookie(gateway.identity, 'pg_session', handle)
      const alive = (await client.call(account())).status === 200
      assert.equal(alive, index === seen.length - 1, String(index))
    }
  })

  test('are kept out of reach of scripts, other sites and the database', async () => {
    const person = new SoftPerson(gateway, alice.authenticator)
    const answer = await person.signIn()
    const [line = ''] = answer.headers['set-cookie'] ?? []
    assert.match(line, /^pg_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/)
    const handle = person.client.cookie(gateway.identity, 'pg_session') ?? ''
    const rows = inDatabase(databaseOf(gateway), (database) =>
      JSON.stringify(database.prepare('SELECT * FROM session').all()),
    )
    assert.ok(!rows.includes(handle))
  })

  test('two session cookies in one request are no session', async () => {
    const person = await inNewBrowser(alice)
    const handle = person.client.cookie(gateway.identity, 'pg_session') ?? ''
    const cookie = `pg_session=${handle}; pg_session=${handle}`
    assert.equal((await call(account(), { headers: { cookie } })).status, 303)
  })
})

describe('where a sign-in leads', () => {
  for (const target of [
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/%09/evil.example',
    '/%2f%2fevil.example',
    '/%5cevil.example',
    'https:evil.example',
    'data:text/html,x',
    'javascript:alert(1)',
    '/\t/evil.example',
    '/..//evil.example',
    '/./\\evil.example',
    ' //evil.example',
    `/${'a'.repeat(8192)}`,
    '/account\r\nset-cookie: a=b',
  ]) {
    test(`never away from here: ${JSON.stringify(target.slice(0, 40))}`, async () => {
      const person = new SoftPerson(gateway, alice.authenticator)
      const answer = await person.signIn('sign-in', target)
      assert.equal(answer.status, 200)
      const { redirect } = answer.json()
      assert.ok(isHome(redirect), redirect)
      const url = `${gateway.identity}/sign-in?return_to=${encodeURIComponent(target)}`
      const page = await person.client.call(url)
      if (page.status < 400) assert.ok(isHome(page.headers.location ?? ''), String(page.status))
    })
  }

  test('to a path of this origin, with what belongs to it', async () => {
    const person = new SoftPerson(gateway, alice.authenticator)
    const answer = await person.signIn('sign-in', '/account?next=//evil.example')
    assert.equal(answer.json().redirect, '/account?next=//evil.example')
  })
})

function isHome(location: string): boolean {
  const { origin } = new URL(gateway.identity)
  return location.startsWith('/') && new URL(location, origin).origin === origin
}

describe('what comes from elsewhere', () => {
  const elsewhere: Readonly<Record<string, string>>[] = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'http://api.proofgate.localhost' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ]

  test('moves no form: each is refused and nothing has changed', async () => {
    const person = await inNewBrowser(alice)
    const id = idOf(await addKey(person))
    const session = await currentSessionOf(person)
    const body = new URLSearchParams({ csrf: person.csrf, name: 'Changed' }).toString()
    const before = await credentialIds('alice')
    for (const path of [
      `/account/credentials/${id}/rename`,
      `/account/credentials/${id}/remove`,
      `/account/sessions/${session}/end`,
      '/account/sessions/end-all',
      '/sign-out',
    ]) {
      const url = `${gateway.identity}${path}`
      const type = 'application/x-www-form-urlencoded'
      const post = (headers: Record<string, string>, text = body): Promise<Answer> =>
        person.client.call(url, {
          method: 'POST',
          headers: { 'content-type': type, ...headers },
          body: text,
        })
      for (const headers of elsewhere) refused(await post(headers), 403, 'http.cross_site')
      refused(await post({}, 'name=Changed'), 403, 'http.cross_site')
      refused(await post({}, `csrf=${bob.csrf}x&name=Changed`), 403, 'http.cross_site')
      refused(await post({}, `${body}&csrf=${person.csrf}`), 400, 'http.malformed')
      refused(await post({ 'content-type': 'text/plain' }), 415, 'http.media_type_unsupported')
      const get = await person.client.call(url)
      assert.equal(get.status, 405, path)
    }
    assert.ok(await isSignedIn(person))
    assert.deepEqual(await credentialIds('alice'), before)
  })

  test('the form token of one session does not fit another, also of the same person', async () => {
    const one = await inNewBrowser(alice)
    const two = await inNewBrowser(alice)
    const done = await two.client.form(`${gateway.identity}/sign-out`, { csrf: one.csrf })
    refused(done, 403, 'http.cross_site')
    assert.ok(await isSignedIn(two))
  })

  test('begins and finishes no ceremony', async () => {
    const person = await inNewBrowser(alice)
    for (const path of [
      '/webauthn/registration/options',
      '/webauthn/registration/verify',
      '/webauthn/authentication/options',
      '/webauthn/authentication/verify',
    ]) {
      const url = `${gateway.identity}${path}`
      for (const headers of elsewhere) {
        refused(await person.client.post(url, {}, headers), 403, 'http.cross_site')
      }
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', '']) {
        const answer = await person.client.post(url, { a: 1 }, { 'content-type': type })
        refused(answer, 415, 'http.media_type_unsupported')
      }
      assert.equal((await person.client.call(url)).status, 405)
    }
  })

  test('ambiguous or oversized JSON begins nothing either', async () => {
    const url = `${gateway.identity}/webauthn/authentication/options`
    const post = (body: string | Buffer): Promise<Answer> =>
      call(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    for (const body of [
      '{"purpose":"sign-in","purpose":"confirm"}',
      '{"purpose":"sign-in","purp\\u006fse":"confirm"}',
      '{"__proto__":{"purpose":"confirm"}}',
      '[]',
      '"sign-in"',
      '{"purpose":"sign-in"} {}',
      `${'{"a":'.repeat(40)}1${'}'.repeat(40)}`,
      Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    ]) {
      assert.equal((await post(body)).status, 400, body.toString())
    }
    assert.equal((await post(`{"a":"${'x'.repeat(70_000)}"}`)).status, 413)
  })

  test('every page forbids framing, foreign scripts and storage', async () => {
    const person = await inNewBrowser(alice)
    for (const path of ['/sign-in', '/account', '/enrol', '/device', '/signed-out', '/nowhere']) {
      const { headers } = await person.client.call(`${gateway.identity}${path}`, {
        headers: { accept: 'text/html' },
      })
      const policy = String(headers['content-security-policy'])
      for (const part of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"]) {
        assert.ok(policy.includes(part), `${path}: ${policy}`)
      }
      assert.ok(!/unsafe|\*/.test(policy), policy)
      assert.equal(headers['x-frame-options'], 'DENY', path)
      assert.equal(headers['cache-control'], 'no-store', path)
      assert.match(String(headers['referrer-policy']), /^(no-referrer|same-origin)$/, path)
      assert.equal(headers['x-content-type-options'], 'nosniff', path)
    }
  })
})

describe('what was taken back', () => {
  const url = (): string => `${gateway.api}/orders`

  test('opens nothing within a second: key removed, session ended, person disabled', async () => {
    for (const takeBack of ['key', 'session', 'person'] as const) {
      const username = `taken-${takeBack}`
      await administer(gateway, 'POST', '/v1/people', { username, groups: ['members'] })
      const person = await enrolled(gateway, username)
      const { tokens, key } = await obtainTokens(person)
      assert.equal((await callApi(url(), key, tokens.access_token)).status, 200)
      if (takeBack === 'key') {
        const id = idOf(person.authenticator)
        await administer(gateway, 'POST', `/v1/credentials/${id}/remove`, { last: true })
      } else if (takeBack === 'session') {
        await administer(gateway, 'POST', `/v1/people/${username}/sessions/end`)
      } else {
        await administer(gateway, 'POST', `/v1/people/${username}/disable`)
      }
      const gone = await eventually(async () => {
        const { status } = await callApi(url(), key, tokens.access_token)
        return status === 401
      })
      assert.ok(gone, takeBack)
      const fields = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
      assert.equal((await requestTokens(person, key, fields)).json().error, 'invalid_grant')
      assert.equal(await isSignedIn(person), false, takeBack)
      if (takeBack !== 'session') assert.notEqual((await person.signIn()).status, 200)
    }
  })

  test('opens nothing after a restart, killed or not', async () => {
    const port = Number(new URL(gateway.identity).port)
    const { dataDirectory } = gateway
    const kept = await obtainTokens(await inNewBrowser(alice))
    const lost = await inNewBrowser(alice)
    const { tokens, key } = await obtainTokens(lost)
    const id = (
      JSON.parse(Buffer.from(tokens.access_token.split('.')[1] ?? '', 'base64url').toString()) as {
        sid: string
      }
    ).sid
    await administer(gateway, 'POST', `/v1/sessions/${id}/end`)
    await gateway.kill()
    gateway = await startGateway({ command: ['serve'], dataDirectory, port })
    assert.equal((await callApi(url(), key, tokens.access_token)).status, 401)
    assert.equal((await callApi(url(), kept.key, kept.tokens.access_token)).status, 200)
    assert.ok(await isSignedIn(lost), 'the browser was not ended')
    const fields = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
    assert.equal((await requestTokens(lost, key, fields)).json().error, 'invalid_grant')
    assert.equal(gateway.enrolment, null, 'nobody is invited again')
  })
})

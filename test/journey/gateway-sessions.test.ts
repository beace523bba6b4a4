import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { hashSecret } from '../../src/core/index.ts'
import { decisionsDuring, startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { proofgate } from '../kit/gateway.ts'
import { call, Client } from '../kit/http.ts'
import { recordsOf } from '../kit/minting.ts'
import { SoftPerson } from '../kit/person.ts'
import { headerOf, RecordingUpstream } from '../kit/upstream.ts'

const navigation = {
  accept: 'text/html,application/xhtml+xml',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-site': 'none',
}

describe('browser sessions at an API host', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  let plane: DataPlane
  let api: string
  let person: SoftPerson

  before(async () => {
    plane = await startDataPlane({
      upstream: await upstream.listen(),
      routes: `  second:
    host: second.proofgate.localhost
    upstream: main
    routes: [{ method: ANY, path: '/{rest+}' }]`,
    })
    api = plane.gateway.api
    person = new SoftPerson(plane.gateway)
    await person.enrolByLink(plane.gateway.enrolment?.link ?? '')
  })
  after(async () => {
    await plane.finish().finally(() => upstream.close())
  })

  /** A browser that shares the sign-in of the person but has nothing of the API host yet. */
  function freshBrowser(): Client {
    const client = new Client()
    const handle = person.client.cookie(plane.gateway.identity, 'pg_session') ?? ''
    client.setCookie(plane.gateway.identity, 'pg_session', handle)
    return client
  }

  /** Goes as far as the address with the ticket, without opening it. */
  async function ticketFor(client: Client, path = '/app/x?a=1'): Promise<string> {
    const begun = await client.call(`${api}${path}`, { headers: navigation })
    assert.equal(begun.status, 303, begun.text)
    const handedOff = await client.call(String(begun.headers.location), { headers: navigation })
    const callback = String(handedOff.headers.location)
    assert.ok(callback.startsWith(`${api}/.proofgate/session/callback?ticket=`), callback)
    return callback
  }

  async function signedIn(): Promise<Client> {
    const client = freshBrowser()
    const answer = await client.call(await ticketFor(client), { headers: navigation })
    assert.equal(answer.status, 303, answer.text)
    assert.equal(answer.headers.location, '/app/x?a=1')
    return client
  }

  it('sends a person to sign in and back, and a program away with 401', async () => {
    assert.equal((await call(`${api}/app/x`)).status, 401)
    assert.equal((await call(`${api}/app/x`, { headers: { accept: '*/*' } })).status, 401)
    const post = await call(`${api}/app/x`, { method: 'POST', headers: navigation })
    assert.equal(post.status, 401)
    const client = await signedIn()
    const answer = await client.call(`${api}/app/x`)
    assert.equal(answer.status, 200)
    const [seen] = upstream.take()
    assert.deepEqual(headerOf(seen, 'cookie'), [])
    assert.equal(headerOf(seen, 'x-proofgate-assertion').length, 1)
  })

  it('gives cookies that scripts and other hosts cannot have', async () => {
    const client = freshBrowser()
    const begun = await client.call(`${api}/app/x`, { headers: navigation })
    const answer = await client.call(await ticketFor(client), { headers: navigation })
    for (const line of [
      ...(begun.headers['set-cookie'] ?? []),
      ...(answer.headers['set-cookie'] ?? []),
    ]) {
      assert.match(line, /; Path=\/; HttpOnly; SameSite=Lax/)
      assert.doesNotMatch(line, /domain=/i)
    }
  })

  it('takes a ticket once', async () => {
    const client = freshBrowser()
    const callback = await ticketFor(client)
    const flow = client.cookie(api, 'pg_flow') ?? ''
    assert.equal((await client.call(callback)).status, 303)
    const again = await call(callback, { headers: { cookie: `pg_flow=${flow}` } })
    assert.equal(again.status, 400)
    assert.equal(again.json().code, 'gateway.sign_in_not_continued')
  })

  it('takes a ticket only from the browser that began, and uses it up either way', async () => {
    const victim = new Client()
    await victim.call(`${api}/app/x`, { headers: navigation })
    const mine = freshBrowser()
    const callback = await ticketFor(mine)
    const stolen = await victim.call(callback)
    assert.equal(stolen.status, 400)
    assert.equal(victim.cookie(api, 'pg_api'), undefined)
    assert.equal((await mine.call(callback)).status, 400)
  })

  it('signs nobody in by a ticket for the hash of nothing', async () => {
    const attacker = freshBrowser()
    const flow = hashSecret('handoff', '')
    const handedOff = await attacker.call(
      `${plane.gateway.identity}/handoff?api=app&flow=${flow}`,
      { headers: navigation },
    )
    const callback = String(handedOff.headers.location)
    assert.match(callback, /ticket=/)
    for (const headers of [{}, { cookie: 'pg_flow=' }, { cookie: 'pg_flow=.Lw' }]) {
      const answer = await call(callback, { headers })
      assert.equal(answer.status, 400)
      assert.equal(answer.headers['set-cookie'], undefined)
    }
  })

  it('takes a ticket at no other API, and a session neither', async () => {
    const client = freshBrowser()
    const callback = await ticketFor(client)
    const other = callback.replace('api.', 'second.')
    const flow = client.cookie(api, 'pg_flow') ?? ''
    assert.equal((await call(other, { headers: { cookie: `pg_flow=${flow}` } })).status, 400)
    const handle = (await signedIn()).cookie(api, 'pg_api') ?? ''
    const secondApi = api.replace('api.', 'second.')
    const elsewhere = await call(`${secondApi}/x`, { headers: { cookie: `pg_api=${handle}` } })
    assert.equal(elsewhere.status, 401)
    const identity = await call(`${plane.gateway.identity}/account`, {
      headers: { cookie: `pg_session=${handle}` },
    })
    assert.notEqual(identity.status, 200)
    assert.deepEqual(upstream.take(), [])
  })

  it('sends nobody to another site afterwards', async () => {
    for (const path of ['/app/x?next=//evil', '/app//evil', '//evil/app', '/\\evil']) {
      const answer = await call(`${api}/`.slice(0, -1) + path, { headers: navigation })
      if (answer.status !== 303) continue
      assert.ok(String(answer.headers.location).startsWith(plane.gateway.identity))
    }
    for (const wanted of ['//evil', 'https://evil', '/\\evil', '/\tevil', 'javascript:1']) {
      const client = freshBrowser()
      const callback = await ticketFor(client)
      const [secret] = (client.cookie(api, 'pg_flow') ?? '').split('.')
      const forged = `${secret}.${Buffer.from(wanted).toString('base64url')}`
      client.setCookie(api, 'pg_flow', forged)
      const answer = await client.call(callback)
      assert.equal(answer.headers.location, '/', wanted)
    }
  })

  it('lets a session change things only from the pages of its own host', async () => {
    const client = await signedIn()
    for (const headers of [
      {},
      { origin: 'https://evil' },
      { origin: 'null' },
      { origin: api.replace('api.', 'auth.') },
      { origin: api, 'sec-fetch-site': 'cross-site' },
      { origin: api, 'sec-fetch-site': 'same-site' },
      { origin: `${api}.evil` },
      { referer: `${api}/` },
    ] as Record<string, string>[]) {
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
        const answer = await client.call(`${api}/app/x`, { method, headers })
        assert.equal(answer.status, 403, JSON.stringify(headers))
        assert.equal(answer.json().code, 'gateway.cross_site')
      }
    }
    assert.deepEqual(upstream.take(), [])
    const own = await client.call(`${api}/app/x`, { method: 'POST', headers: { origin: api } })
    assert.equal(own.status, 200)
    upstream.take()
  })

  it('takes a session or a token, never both', async () => {
    const client = await signedIn()
    const authorization = `Bearer ${plane.mint.token(plane.alice)}`
    const answer = await client.call(`${api}/app/x`, { headers: { authorization } })
    assert.equal(answer.status, 400)
    assert.equal(answer.json().code, 'gateway.two_credentials')
    assert.deepEqual(upstream.take(), [])
  })

  it('knows no session by a wrong, doubled or fixed handle', async () => {
    const handle = (await signedIn()).cookie(api, 'pg_api') ?? ''
    for (const cookie of [
      'pg_api=known',
      `pg_api=${handle}x`,
      `pg_api=${handle}; pg_api=other`,
      'pg_api=',
      `PG_API=${handle}`,
      `pg_api="${handle}"`,
    ]) {
      assert.equal((await call(`${api}/app/x`, { headers: { cookie } })).status, 401, cookie)
    }
    const fixed = freshBrowser()
    fixed.setCookie(api, 'pg_api', 'known')
    const callback = await ticketFor(fixed)
    await fixed.call(callback)
    assert.notEqual(fixed.cookie(api, 'pg_api'), 'known')
    assert.deepEqual(upstream.take(), [])
  })

  it('ends at once when it is ended here, and writes that down', async () => {
    const client = await signedIn()
    const handle = client.cookie(api, 'pg_api') ?? ''
    assert.equal((await client.call(`${api}/app/x`)).status, 200)
    upstream.take()
    const end = `${api}/.proofgate/session/end`
    const foreign = await client.call(end, { method: 'POST', headers: { origin: 'https://evil' } })
    assert.equal(foreign.status, 403)
    const ended = await client.call(end, { method: 'POST', headers: { origin: api } })
    assert.equal(ended.status, 303)
    const after = await call(`${api}/app/x`, { headers: { cookie: `pg_api=${handle}` } })
    assert.equal(after.status, 401)
    const records = await recordsOf(plane.gateway, 'session')
    assert.ok(
      records.some(({ id }) => id === ended.headers['x-request-id']),
      'no record of the end',
    )
  })

  it('ends at once when the sign-in it came from ends', async () => {
    const client = await signedIn()
    assert.equal((await client.call(`${api}/app/x`)).status, 200)
    upstream.take()
    const list = await proofgate([
      'sessions',
      'list',
      '--json',
      '--data-dir',
      plane.gateway.dataDirectory,
    ])
    const { sessions } = JSON.parse(list.stdout) as { sessions: { id: string; kind: string }[] }
    const browser = sessions.find(({ kind }) => kind === 'browser')
    await proofgate([
      'sessions',
      'end',
      browser?.id ?? '',
      '--data-dir',
      plane.gateway.dataDirectory,
    ])
    assert.equal((await client.call(`${api}/app/x`)).status, 401)
    assert.deepEqual(upstream.take(), [])
    assert.equal((await person.signIn()).status, 200)
  })

  it('passes the caller credential on at open routes and vouches for nobody', async () => {
    const handle = (await signedIn()).cookie(api, 'pg_api') ?? ''
    const answer = await call(`${api}/public/x`, {
      headers: {
        authorization: 'Basic dXNlcjpwYXNz',
        'x-proofgate-assertion': 'forged',
        'x-forwarded-user': 'forged',
        cookie: `pg_api=${handle}; a=1`,
      },
    })
    assert.equal(answer.status, 200)
    const [seen] = upstream.take()
    assert.deepEqual(headerOf(seen, 'authorization'), ['Basic dXNlcjpwYXNz'])
    assert.deepEqual(headerOf(seen, 'cookie'), ['a=1'])
    assert.ok(!seen?.headers.includes('forged'))
    assert.deepEqual(headerOf(seen, 'x-proofgate-assertion'), [])
  })

  it('keeps tickets out of the records', async () => {
    const records = await decisionsDuring(plane, async () => {
      const answer = await call(`${api}/.proofgate/session/callback?ticket=sekrit-ticket`, {
        headers: { cookie: 'pg_flow=sekrit-flow.Lw' },
      })
      assert.equal(answer.status, 400)
    })
    assert.equal(records.length, 1)
    assert.ok(!JSON.stringify(records).includes('sekrit'))
  })
})

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { hashSecret } from '../../src/core/index.ts'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { atOnce, databaseOf, inDatabase, invite } from '../kit/flows.ts'
import type { Answer } from '../kit/http.ts'
import { recordsOf } from '../kit/minting.ts'
import { until } from '../kit/operations.ts'
import { SoftPerson } from '../kit/person.ts'
import { headerOf, RecordingUpstream } from '../kit/upstream.ts'
import { WebSocketCaller } from '../kit/websocket.ts'

const navigation = { accept: 'text/html,*/*', 'sec-fetch-mode': 'navigate' }
const formType = 'application/x-www-form-urlencoded'

describe('step-up in a browser', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  let plane: DataPlane
  let api: string
  let identity: string
  let alice: SoftPerson
  let bob: SoftPerson

  before(async () => {
    plane = await startDataPlane({
      upstream: await upstream.listen(),
      routes: `      - { method: ANY, path: '/app/fresh/{rest+}', proof: { maxAge: 5m } }
      - { method: ANY, path: '/app/small/{rest+}', maxBody: 1KiB, proof: { maxAge: 5m } }
      - { method: GET, path: '/app/ws/{rest+}', websocket: true, proof: { maxAge: 5m } }
      - { method: ANY, path: '/app/hard/{rest+}', proof: { acr: phrh } }
  second:
    host: second.proofgate.localhost
    upstream: main
    routes: [{ method: ANY, path: '/{rest+}', proof: { maxAge: 5m } }]
`,
    })
    api = plane.gateway.api
    identity = plane.gateway.identity
    alice = new SoftPerson(plane.gateway)
    await alice.enrolByLink(plane.gateway.enrolment?.link ?? '')
    bob = new SoftPerson(plane.gateway)
    assert.equal((await bob.enrolByLink(await invite(plane.gateway, 'bob'))).status, 200)
  })
  after(async () => {
    await plane.finish().finally(() => upstream.close())
  })

  /** A browser of its own, signed in at the API, with a touch that was some time ago. */
  async function browser(seconds = 600, person = alice): Promise<SoftPerson> {
    const one = new SoftPerson(plane.gateway, person.authenticator)
    assert.equal((await one.signIn()).status, 200)
    const handle = one.client.cookie(identity, 'pg_session') ?? ''
    inDatabase(databaseOf(plane.gateway), (database) => {
      database
        .prepare('UPDATE session SET proved_at = proved_at - ? WHERE handle_hash = ?')
        .run(seconds * 1000, hashSecret('session', handle))
    })
    const { url } = await one.client.follow(`${api}/app/x`, () => false, navigation)
    assert.equal(url, `${api}/app/x`)
    upstream.take()
    return one
  }

  function open(one: SoftPerson, address: string): Promise<Answer> {
    const url = new URL(address, api).href
    return one.client.call(url, { headers: navigation })
  }

  function send(one: SoftPerson, path: string, body: string, headers = {}): Promise<Answer> {
    return one.client.call(`${api}${path}`, {
      method: 'POST',
      headers: { ...navigation, origin: api, 'content-type': formType, ...headers },
      body,
    })
  }

  /** The page that asks for the touch, and what it was asked with. */
  function asked(answer: Answer): { location: string; request: string } {
    assert.equal(answer.status, 303, answer.text)
    const location = String(answer.headers.location)
    assert.ok(location.startsWith(`${identity}/step-up?request=`), location)
    return { location, request: location.slice(location.indexOf('=') + 1) }
  }

  /** Touches a key for what the page asks, by whatever request the page stands for. */
  async function touch(
    one: SoftPerson,
    request: string,
    authenticator = one.authenticator,
  ): Promise<Answer> {
    const options = await one.client.post(`${identity}/webauthn/authentication/options`, {
      purpose: 'confirm',
      stepUp: request,
    })
    if (options.status !== 200) return options
    const response = authenticator.get(options.json(), { origin: one.origin })
    const page = await open(one, `${identity}/step-up?request=${request}`)
    const returnTo = /data-return-to="([^"]+)"/.exec(page.text)?.[1]?.replaceAll('&amp;', '&')
    return one.client.post(`${identity}/webauthn/authentication/verify`, { ...response, returnTo })
  }

  /** Touches, and goes back to the API host: where that leads. */
  async function comeBack(one: SoftPerson, request: string): Promise<Answer> {
    const touched = await touch(one, request)
    assert.equal(touched.status, 200, touched.text)
    const handedOff = await open(one, new URL(touched.json().redirect, identity).href)
    const back = String(handedOff.headers.location)
    assert.ok(back.startsWith(`${api}/.proofgate/session/step-up?request=`), back)
    return open(one, back)
  }

  /** As far as the page with the button. */
  async function kept(one: SoftPerson, path: string, body: string): Promise<string> {
    const { request } = asked(await send(one, path, body))
    const back = await comeBack(one, request)
    assert.equal(back.status, 303, back.text)
    const shown = await open(one, String(back.headers.location))
    assert.equal(shown.status, 200, shown.text)
    assert.deepEqual(upstream.take(), [], 'nothing is sent before the button is pressed')
    const action = /<form method="post" action="([^"]+)"/.exec(shown.text)?.[1] ?? ''
    assert.equal(action, `${path.split('?')[0]}?.proofgate-replay=${request}`)
    return action
  }

  it('leads a page through one touch and back to itself, in the same session', async () => {
    const one = await browser()
    const before = one.client.cookie(api, 'pg_api') ?? ''
    const { location, request } = asked(await open(one, '/app/fresh/x?a=1&b=%20'))
    assert.deepEqual(upstream.take(), [])
    const page = await open(one, location)
    assert.equal(page.status, 200, page.text)
    assert.match(page.text, /ANY \/app\/fresh\/\{rest\+\}/)
    assert.match(page.text, /used in the last 300 seconds/)
    assert.ok(page.text.includes(new URL(api).host))
    const back = await comeBack(one, request)
    assert.equal(back.headers.location, '/app/fresh/x?a=1&b=%20')
    const answer = await open(one, '/app/fresh/x?a=1&b=%20')
    assert.equal(answer.status, 200, answer.text)
    const [seen] = upstream.take()
    assert.deepEqual(headerOf(seen, 'cookie'), [], 'none of our cookies reaches the service')
    const fresh = one.client.cookie(api, 'pg_api') ?? ''
    assert.notEqual(fresh, before, 'a stronger session has another handle')
    one.client.setCookie(api, 'pg_api', before)
    assert.equal(
      (await one.client.call(`${api}/app/x`)).status,
      401,
      'the old one is worth nothing',
    )
  })

  it('records who proved what for what', async () => {
    const one = await browser()
    await comeBack(one, asked(await open(one, '/app/fresh/x')).request)
    const records = await recordsOf(plane.gateway, 'session')
    const proved = records.filter(({ action }) => action === 'session.prove').at(-1)
    assert.equal(proved?.who?.['subject'], plane.alice)
    assert.equal(proved?.what?.['api'], 'app')
    assert.equal(proved?.what?.['route'], 'ANY /app/fresh/{rest+}')
    assert.equal(proved?.what?.['credential'], alice.authenticator.credentials[0]?.id)
    assert.deepEqual([proved?.what?.['acr'], proved?.what?.['previous']], ['phr', 'phr'])
  })

  it('sends a form once after the touch, byte for byte, through every check again', async () => {
    const one = await browser()
    const body = 'amount=1&note=%E2%82%AC+x&empty='
    const action = await kept(one, '/app/fresh/transfer?from=7', body)
    const sent = await send(one, action, '')
    assert.equal(sent.status, 200, sent.text)
    const seen = upstream.take()
    assert.deepEqual(
      seen.map(({ method, url, body: got }) => [method, url, got]),
      [['POST', '/app/fresh/transfer?from=7', body]],
    )
    assert.deepEqual(headerOf(seen[0], 'content-type'), [formType])
    for (const again of [await send(one, action, ''), await send(one, action, 'amount=1')]) {
      assert.equal(again.status, 400, again.text)
      assert.match(again.text, /gateway\.step_up_not_continued/)
    }
    assert.deepEqual(upstream.take(), [], 'reload and back send nothing')
  })

  it('sends it once when fifty ask at once', async () => {
    const one = await browser()
    const action = await kept(one, '/app/fresh/transfer', 'once=1')
    const counts = await atOnce(50, () => send(one, action, ''))
    assert.deepEqual(counts, { 200: 1, 400: 49 })
    assert.equal(upstream.take().length, 1)
  })

  it('gives what was kept to no other browser, session, person or API', async () => {
    const one = await browser()
    const { request } = asked(await send(one, '/app/fresh/transfer', 'mine=1'))
    const back = await comeBack(one, request)
    const page = String(back.headers.location)
    const action = `/app/fresh/transfer?.proofgate-replay=${request}`
    // Another browser of the same person, with a session of its own, and with the cookie of the first.
    const other = await browser(0)
    const cookie = one.client.cookie(api, 'pg_step') ?? ''
    for (const step of ['', cookie, `${cookie.slice(0, -1)}${cookie.endsWith('A') ? 'B' : 'A'}`]) {
      other.client.setCookie(api, 'pg_step', step)
      const shown = await open(other, page)
      assert.equal(shown.status, 400, shown.text)
      assert.equal((await send(other, action, '')).status, 400)
    }
    const stranger = await browser(0, bob)
    stranger.client.setCookie(api, 'pg_step', cookie)
    assert.equal((await send(stranger, action, '')).status, 400)
    // Another path, another host, another site.
    const elsewhere = await send(one, `/app/fresh/other?.proofgate-replay=${request}`, '')
    assert.equal(elsewhere.status, 400, elsewhere.text)
    assert.deepEqual(upstream.take(), [])
  })

  it('is not used up by another site, nor by a request without the cookie', async () => {
    const one = await browser()
    const action = await kept(one, '/app/fresh/transfer', 'mine=2')
    for (const headers of [
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
      { origin: 'null' },
      { 'sec-fetch-site': 'same-site' },
    ]) {
      assert.equal((await send(one, action, '', headers)).status, 403)
    }
    const cookie = one.client.cookie(api, 'pg_step') ?? ''
    one.client.setCookie(api, 'pg_step', 'A'.repeat(43))
    assert.equal((await send(one, action, '')).status, 400)
    one.client.setCookie(api, 'pg_step', cookie)
    assert.deepEqual(upstream.take(), [])
    assert.equal((await send(one, action, '')).status, 200)
    assert.equal(upstream.take()[0]?.body, 'mine=2')
  })

  it('keeps nothing that the store could read, change or move', async () => {
    const one = await browser()
    const action = await kept(one, '/app/fresh/transfer', 'secret=hunter2')
    const database = databaseOf(plane.gateway)
    const value = inDatabase(database, (db) => {
      const row = db.prepare('SELECT value FROM step_up ORDER BY opened_at DESC LIMIT 1').get()
      return String(row?.['value'])
    })
    const { sealed } = JSON.parse(value) as { sealed: string }
    assert.doesNotMatch(Buffer.from(sealed, 'base64url').toString('latin1'), /hunter2|transfer/)
    const changed = `${sealed.slice(0, 40)}${sealed[40] === 'A' ? 'B' : 'A'}${sealed.slice(41)}`
    inDatabase(database, (db) =>
      db.prepare('UPDATE step_up SET value = replace(value, ?, ?)').run(sealed, changed),
    )
    assert.equal((await send(one, action, '')).status, 400)
    assert.deepEqual(upstream.take(), [])
  })

  it('refuses a body that is too long to be kept before anybody touches a key', async () => {
    const one = await browser()
    const long = await send(one, '/app/fresh/transfer', 'x'.repeat(64 * 1024 + 1))
    assert.equal(long.status, 413, long.text)
    assert.match(long.text, /gateway\.body_not_kept/)
    assert.equal((await send(one, '/app/small/transfer', 'x'.repeat(1025))).status, 413)
    const chunked = await one.client.call(`${api}/app/fresh/transfer`, {
      method: 'POST',
      headers: { ...navigation, origin: api, 'transfer-encoding': 'chunked' },
    })
    asked(chunked)
    assert.deepEqual(upstream.take(), [])
    asked(await send(one, '/app/fresh/transfer', 'x'.repeat(64 * 1024)))
  })

  it('tells scripts where, and keeps nothing of theirs', async () => {
    const one = await browser()
    const answer = await one.client.call(`${api}/app/fresh/x`, {
      method: 'PUT',
      headers: {
        accept: 'application/json',
        'sec-fetch-mode': 'cors',
        'sec-fetch-site': 'same-origin',
        origin: api,
        referer: `${api}/app/page?tab=2`,
      },
      body: 'script',
    })
    assert.equal(answer.status, 401, answer.text)
    assert.match(String(answer.headers['www-authenticate']), /max_age="300"/)
    const { step_up: location, code } = answer.json()
    assert.equal(code, 'gateway.fresh_proof_required')
    const back = await comeBack(one, String(location).split('=')[1] ?? '')
    assert.equal(back.headers.location, '/app/page?tab=2')
  })

  it('takes no touch that was made for something else, and no touch of this for anything else', async () => {
    const one = await browser()
    const { request } = asked(await open(one, '/app/fresh/x'))
    const options = (body: object): Promise<Answer> =>
      one.client.post(`${identity}/webauthn/authentication/options`, body)
    const verify = (response: object): Promise<Answer> =>
      one.client.post(`${identity}/webauthn/authentication/verify`, response)
    const { origin } = one
    assert.equal((await options({ purpose: 'sign-in', stepUp: request })).status, 400)
    for (const stepUp of ['A'.repeat(43), '', 7, null]) {
      assert.equal((await options({ purpose: 'confirm', stepUp })).status, 400, String(stepUp))
    }
    // Another person's key, in the session of the first: their key is not asked for, and not taken.
    const asking = await options({ purpose: 'confirm', stepUp: request })
    const foreign = bob.authenticator.get({ ...asking.json(), allowCredentials: [] }, { origin })
    assert.ok((await verify(foreign)).status >= 400)
    // The same answer twice.
    const again = await options({ purpose: 'confirm', stepUp: request })
    const response = one.authenticator.get(again.json(), { origin })
    assert.equal((await verify(response)).status, 200)
    assert.equal((await verify(response)).status, 400)
    assert.deepEqual(upstream.take(), [])
    // Somebody else's session cannot use the request at all.
    const stranger = await browser(0, bob)
    const theirs = await stranger.client.post(`${identity}/webauthn/authentication/options`, {
      purpose: 'confirm',
      stepUp: request,
    })
    assert.equal(theirs.status, 403, theirs.text)
    assert.equal(theirs.json().code, 'login.other_person')
  })

  it('counts a touch in the browser session it was made in, at every API, and in no other', async () => {
    const [one, other] = [await browser(), await browser()]
    await comeBack(one, asked(await open(one, '/app/fresh/x')).request)
    const second = api.replace('api.', 'second.')
    const there = await one.client.follow(`${second}/x`, () => false, navigation)
    assert.equal(there.answer.status, 200)
    asked(await open(other, '/app/fresh/x'))
    assert.equal(upstream.take().length, 1)
  })

  it('keeps a form whatever else is asked for meanwhile', async () => {
    const one = await browser()
    const { request } = asked(await send(one, '/app/fresh/transfer', 'patient=1'))
    for (let count = 0; count < 12; count++) asked(await open(one, `/app/fresh/${count}`))
    await comeBack(one, request)
    const sent = await send(one, `/app/fresh/transfer?.proofgate-replay=${request}`, '')
    assert.equal(sent.status, 200, sent.text)
    assert.deepEqual(
      upstream.take().map(({ body }) => body),
      ['patient=1'],
    )
  })

  it('makes no session stronger at an API that its browser did not come back to', async () => {
    const one = await browser()
    const stolen = one.client.cookie(api, 'pg_api') ?? ''
    const theft = { ...navigation, cookie: `pg_api=${stolen}` }
    const steal = (path: string): Promise<Answer> => thief.call(`${api}${path}`, { headers: theft })
    const thief = new SoftPerson(plane.gateway).client
    // Whoever holds the cookie sends its owner to touch a key for what they began, and never comes back.
    const { request } = asked(await steal('/app/fresh/stolen'))
    assert.equal((await touch(one, request)).status, 200)
    asked(await steal('/app/fresh/stolen'))
    // Nor by what its owner confirms elsewhere.
    assert.equal((await one.signIn('confirm')).status, 200)
    asked(await steal('/app/fresh/stolen'))
    assert.deepEqual(upstream.take(), [])
    // Its owner comes back without another touch, under a handle that nobody else has.
    const page = await one.client.follow(`${api}/app/fresh/own`, () => false, navigation)
    assert.equal(page.url, `${api}/app/fresh/own`)
    assert.equal(page.answer.status, 200, page.answer.text)
    assert.notEqual((await steal('/app/x')).status, 200)
    assert.deepEqual(
      upstream.take().map(({ url }) => url),
      ['/app/fresh/own'],
    )
  })

  it('asks for a stronger key where the class is what is missing', async () => {
    const one = await browser(0)
    const { location, request } = asked(await open(one, '/app/hard/x'))
    assert.match((await open(one, location)).text, /hardware security key/)
    const refused = await touch(one, request)
    assert.equal(refused.status, 403, refused.text)
    assert.equal(refused.json().code, 'login.stronger_key_required')
  })

  it('goes on without a page for somebody who has touched a key meanwhile', async () => {
    const one = await browser()
    const { location } = asked(await open(one, '/app/fresh/x'))
    assert.equal((await one.signIn('confirm')).status, 200)
    const { url, answer } = await one.client.follow(location, () => false, navigation)
    assert.equal(url, `${api}/app/fresh/x`)
    assert.equal(answer.status, 200)
    upstream.take()
  })

  it('lets somebody sign in anew whose sign-in has ended meanwhile, and goes on in its session', async () => {
    const one = await browser()
    const { location, request } = asked(await send(one, '/app/fresh/transfer', 'kept=1'))
    one.client.setCookie(identity, 'pg_session', 'gone')
    const page = await one.client.follow(location, () => false, navigation)
    assert.match(page.url, /\/sign-in\?return_to=/)
    const signedIn = await one.signIn(
      'sign-in',
      new URL(page.url).searchParams.get('return_to') ?? '',
    )
    const { url, answer } = await one.client.follow(
      new URL(signedIn.json().redirect, identity).href,
      () => false,
      navigation,
    )
    assert.equal(answer.status, 200, answer.text)
    assert.equal(url, `${api}/.proofgate/session/continue?request=${request}`)
    const sent = await send(one, `/app/fresh/transfer?.proofgate-replay=${request}`, '')
    assert.equal(sent.status, 200, sent.text)
    assert.equal(upstream.take()[0]?.body, 'kept=1')
  })

  it('judges what was kept by what holds when it is sent', async () => {
    const one = await browser()
    const action = await kept(one, '/app/fresh/transfer', 'late=1')
    inDatabase(databaseOf(plane.gateway), (db) => {
      const [id] = db.prepare('SELECT session_id FROM step_up ORDER BY opened_at DESC').all()
      const session = String(id?.['session_id'])
      db.prepare(
        `UPDATE session SET proved_at = proved_at - 400000
         WHERE id = ? OR id = (SELECT parent_id FROM session WHERE id = ?)`,
      ).run(session, session)
    })
    // A handle that is not remembered, as after a minute or in another process.
    const again = asked(await send(one, action, ''))
    assert.notEqual(again.request, action.split('=')[1])
    assert.deepEqual(upstream.take(), [], 'it is asked for again, and kept again')
    const handle = one.client.cookie(api, 'pg_api') ?? ''
    const back = await comeBack(one, again.request)
    assert.notEqual(one.client.cookie(api, 'pg_api'), handle)
    const next = `/app/fresh/transfer?.proofgate-replay=${again.request}`
    assert.equal(back.headers.location, `/.proofgate/session/continue?request=${again.request}`)
    assert.equal((await send(one, next, '')).status, 200)
    assert.equal(upstream.take()[0]?.body, 'late=1')
  })

  it('keeps a WebSocket open while the touch is fresh, and closes it when it is not any more', async () => {
    const { port, host } = new URL(api)
    const join = async (one: SoftPerson): Promise<WebSocketCaller> => {
      const cookie = `pg_api=${one.client.cookie(api, 'pg_api') ?? ''}`
      const headers = { host, origin: api, cookie, 'sec-fetch-site': 'same-origin' }
      const socket = await WebSocketCaller.open(Number(port), '/app/ws/x', headers)
      if (typeof socket === 'string') throw new Error(socket)
      return socket
    }
    const stale = await browser(600)
    await assert.rejects(join(stale), /401/)
    // The one that is renewed is the older one, so that it would have been closed before the other.
    const [eager, lazy] = [await browser(289), await browser(289)]
    const [renewed, forgotten] = [await join(eager), await join(lazy)]
    assert.equal((await eager.signIn('confirm')).status, 200)
    const closing = await forgotten.closed
    assert.deepEqual([closing.code, closing.reason], [1008, 'gateway.proof_too_old'])
    renewed.send('still here')
    await renewed.received(1)
    assert.equal(renewed.frames[0]?.payload.toString(), 'still here')
    await until('it is on record', async () => {
      const ended = await recordsOf(plane.gateway, 'session')
      return ended.at(-1)?.reason === 'gateway.proof_too_old'
    })
    renewed.socket.destroy()
    upstream.take()
  })

  it('sends nothing for a session that was ended, or a request that grew old, in between', async () => {
    const one = await browser()
    const action = await kept(one, '/app/fresh/transfer', 'ended=1')
    await one.client.form(`${api}/.proofgate/session/end`, {}).catch(() => undefined)
    const two = await browser()
    const old = await kept(two, '/app/fresh/transfer', 'old=1')
    inDatabase(databaseOf(plane.gateway), (db) => db.exec('UPDATE step_up SET expires_at = 1'))
    assert.equal((await send(two, old, '')).status, 400)
    assert.equal((await send(one, action, '')).status, 400)
    assert.deepEqual(upstream.take(), [])
  })
})

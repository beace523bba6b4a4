import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { hashSecret } from '../../src/core/index.ts'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { atOnce, databaseOf, inDatabase, invite } from '../kit/flows.ts'
import type { Answer } from '../kit/http.ts'
import { recordsOf } from '../kit/minting.ts'
import { SoftPerson } from '../kit/person.ts'
import { headerOf, RecordingUpstream } from '../kit/upstream.ts'

const navigation = { accept: 'text/html,*/*', 'sec-fetch-mode': 'navigate' }
const formType = 'application/x-www-form-urlencoded'

describe('step-up in a browser', { timeout: 200_000 }, () => {
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
})

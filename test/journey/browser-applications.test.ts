import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { english } from '../../src/pages/index.ts'
import { withBrowser } from '../kit/browser.ts'
import { configurationFile, startGateway } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { call, Client } from '../kit/http.ts'
import {
  assertQuiet,
  enrolHere,
  inspect,
  invite,
  press,
  says,
  shownJson,
  withoutAutofill,
} from '../kit/live.ts'
import { boundHeaders, ProofKey, requestTokens } from '../kit/person.ts'

const { ceremony, consent, device, logout, signIn } = english

let gateway: GatewayProcess
let application: Server
let applicationOrigin: string

function configuration(upstream: string): string {
  return `version: 1
upstreams: { echo: { url: '${upstream}' }, gone: { url: 'http://127.0.0.1:9' } }
clients:
  - id: portal
    name: Portal <i>of</i> things
    public: true
    redirectUris: ['${upstream}/callback']
    postLogoutRedirectUris: ['${upstream}/bye']
apis:
  things:
    host: api.proofgate.localhost
    upstream: echo
    routes:
      - { method: GET, path: /things }
      - { method: GET, path: /secrets }
      - { method: GET, path: /gone }
  gone:
    host: gone.proofgate.localhost
    upstream: gone
    routes: [{ method: GET, path: /gone, authorizer: open }]
people: [{ username: ada, name: Ada Example, groups: [readers] }]
groups: { readers: { policies: [reader] } }
policies:
  reader:
    Version: '2012-10-17'
    Statement:
      - Effect: Allow
        Action: execute-api:Invoke
        Resource: arn:aws:execute-api:local:000000000000:things/default/GET/things
`
}

before(async () => {
  application = createServer((request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ url: request.url }))
  })
  await new Promise<void>((resolve) => {
    application.listen(0, '127.0.0.1', resolve)
  })
  applicationOrigin = `http://127.0.0.1:${(application.address() as AddressInfo).port}`
  const file = configurationFile(configuration(applicationOrigin))
  gateway = await startGateway({ command: ['serve', '--config', file] })
})

after(async () => {
  application.closeAllConnections()
  application.close()
  await gateway.kill()
})

const heading = (page: Page, name: string) => page.getByRole('heading', { name }).waitFor()

interface DeviceRequest {
  readonly device_code: string
  readonly user_code: string
  readonly verification_uri: string
  readonly verification_uri_complete: string
}

/** Begins as `proofgate login --device` does. */
async function askForDevice(): Promise<DeviceRequest> {
  const answer = await call(`${gateway.issuer}/oauth2/device_authorization`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'user-agent': 'proofgate/9 (<b>toaster</b>)',
    },
    body: 'client_id=proofgate-cli&scope=openid+profile+groups+offline_access+invoke',
  })
  assert.equal(answer.status, 200, answer.text)
  return answer.json()
}

function redeem(key: ProofKey, { device_code }: DeviceRequest): ReturnType<typeof requestTokens> {
  return requestTokens({ gateway, client: new Client() }, key, {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    device_code,
  })
}

function authorizationUrl(more: Readonly<Record<string, string>> = {}): string {
  const challenge = createHash('sha256').update(randomBytes(32)).digest('base64url')
  const query = new URLSearchParams({
    client_id: 'portal',
    response_type: 'code',
    redirect_uri: `${applicationOrigin}/callback`,
    scope: 'openid profile',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    state: 's-1',
    ...more,
  })
  return `${gateway.issuer}/oauth2/authorize?${query.toString()}`
}

test('programs, applications and refusals at a browser', async (t) => {
  await withBrowser(async ({ newPersona }) => {
    const ada = await newPersona()
    const { page } = ada
    await withoutAutofill(page)
    await enrolHere(page, await invite(gateway, 'ada'))

    await t.test('a device is signed in by a click and a touch made for it', async () => {
      const key = new ProofKey()
      const asked = await askForDevice()
      assert.equal((await redeem(key, asked)).json().error, 'authorization_pending')
      const mine = `${gateway.identity}/device`
      assert.equal(asked.verification_uri, mine)
      await page.goto(asked.verification_uri_complete)
      await inspect(page)
      assert.equal(
        await page.getByLabel(device.label, { exact: true }).inputValue(),
        asked.user_code,
      )
      await press(page, device.button)
      await heading(page, device.confirmHeading.replace('{client}', 'Proofgate command line'))
      const shown = await page.locator('main').innerText()
      for (const text of [device.warning, asked.user_code, '127.0.0.1', '<b>toaster</b>']) {
        assert.ok(shown.includes(text), `${text} is not in ${shown}`)
      }
      await inspect(page)
      assert.equal((await redeem(key, asked)).status, 400)
      await press(page, device.accept)
      // Signed in as she is, a new touch is asked for.
      await page.waitForURL('**/sign-in?**')
      await page.getByText(signIn.again).waitFor()
      await inspect(page)
      await ada.authenticator.answer({ verified: false })
      await press(page, signIn.button)
      await says(page, ceremony.cancelled)
      await sleep(5_000)
      assert.equal((await redeem(key, asked)).json().error, 'authorization_pending')
      await ada.authenticator.answer({ verified: true })
      await press(page, signIn.button)
      await heading(page, device.doneTitle)
      await inspect(page)
      const tokens = await redeem(key, asked)
      assert.equal(tokens.status, 200, tokens.text)
      const { access_token: token } = tokens.json()
      const url = `${gateway.api}/things`
      const answer = await call(url, { headers: boundHeaders(key, token, 'GET', url) })
      assert.equal(answer.status, 200, answer.text)
    })

    await t.test('opening the link alone does nothing, however often', async () => {
      const asked = await askForDevice()
      await page.goto(asked.verification_uri_complete)
      await page.reload()
      await page.goto(asked.verification_uri)
      assert.equal(await page.getByLabel(device.label, { exact: true }).inputValue(), '')
      assert.equal((await redeem(new ProofKey(), asked)).json().error, 'authorization_pending')
    })

    await t.test('"This was not me" stops the device', async () => {
      const key = new ProofKey()
      const asked = await askForDevice()
      await page.goto(asked.verification_uri_complete)
      await press(page, device.button)
      await press(page, device.refuse)
      await heading(page, device.stoppedTitle)
      await inspect(page)
      assert.equal((await redeem(key, asked)).json().error, 'access_denied')
      await page.goto(asked.verification_uri_complete)
      await press(page, device.button)
      await page.getByText('This code is not valid.').waitFor()
    })

    await t.test('a wrong code is said to be none', async () => {
      await page.goto(`${gateway.identity}/device`)
      await page.getByLabel(device.label, { exact: true }).fill('bcdfg-hjklm')
      await page.keyboard.press('Enter')
      await page.getByText('This code is not valid.').waitFor()
      await inspect(page)
    })

    await t.test('an application is allowed, and is told no', async () => {
      for (const [button, part] of [
        [consent.deny, 'error=access_denied'],
        [consent.allow, 'code='],
      ] as const) {
        await page.goto(authorizationUrl())
        await heading(page, consent.heading.replace('{client}', 'Portal <i>of</i> things'))
        const shown = await page.locator('main').innerText()
        for (const text of ['Ada Example', new URL(applicationOrigin).host, 'Know who you are']) {
          assert.ok(shown.includes(text), `${text} is not in ${shown}`)
        }
        await inspect(page)
        await press(page, button)
        await page.waitForURL(`${applicationOrigin}/callback?**`)
        const { url } = await shownJson(page)
        assert.ok(url.includes(part) && url.includes('state=s-1'), url)
      }
    })

    await t.test('a link to the sign-out of applications ends no session unasked', async () => {
      const visitor = await newPersona()
      await enrolHere(visitor.page, await invite(gateway, 'vic'))
      await visitor.page.goto(`${gateway.issuer}/logout`)
      await visitor.page.goto(`${gateway.identity}/account`)
      await heading(visitor.page, english.account.title)
      assertQuiet(visitor)
      await visitor.close()
    })

    await t.test('an application can ask to sign the person out and gets them back', async () => {
      const query = new URLSearchParams({
        client_id: 'portal',
        post_logout_redirect_uri: `${applicationOrigin}/bye`,
        state: 's-2',
      })
      const address = `${gateway.issuer}/logout?${query.toString()}`
      await page.goto(address)
      await heading(page, logout.heading)
      await inspect(page)
      await press(page, logout.no)
      await page.waitForURL(`${applicationOrigin}/bye?**`)
      await page.goto(`${gateway.identity}/account`)
      await heading(page, english.account.title)
      await page.goto(address)
      await press(page, logout.yes)
      await page.waitForURL(`${applicationOrigin}/bye?state=s-2`)
      await page.goto(`${gateway.identity}/account`)
      await heading(page, signIn.heading.replace('{relyingParty}', 'Proofgate'))
    })

    await t.test('what she may not do is refused with a page that helps', async () => {
      await page.goto(`${gateway.api}/secrets`)
      await press(page, signIn.button)
      await heading(page, 'You may not do this')
      const again = await page.reload()
      const shown = await page.locator('main').innerText()
      const requestId = again?.headers()['x-request-id'] ?? ''
      assert.equal(again?.status(), 403)
      assert.ok(requestId.length > 8 && shown.includes(requestId), shown)
      assert.ok(shown.includes('policy.no_statement_allows'), shown)
      await inspect(page)
      await page.getByRole('link', { name: english.refusal.account }).click()
      await heading(page, english.account.title)
    })

    for (const [what, address, status] of [
      ['no route', () => `${gateway.api}/nowhere`, 404],
      ['a broken upstream', () => `${gateway.apis[1]?.origin ?? ''}/gone`, 502],
      ['no page of ours', () => `${gateway.identity}/nowhere`, 404],
      ['an unknown enrolment', () => `${gateway.identity}/enrol/nope`, undefined],
      ['an authorization without a client', () => `${gateway.issuer}/oauth2/authorize`, 400],
      ['an interaction that has ended', () => `${gateway.issuer}/interaction/nope`, undefined],
      ['a hand-off to nowhere', () => `${gateway.identity}/handoff?api=no&flow=no`, undefined],
      ['the console', () => gateway.console, 200],
    ] as const) {
      await t.test(`people get a page for ${what}`, async () => {
        const answer = await page.goto(address())
        assert.match(answer?.headers()['content-type'] ?? '', /^text\/html/)
        if (status === undefined) assert.match(String(answer?.status()), /^4\d\d$/)
        else assert.equal(answer?.status(), status)
        await inspect(page)
      })
    }

    await t.test('pages that decide something cannot be framed', async () => {
      const frame = await newPersona({ authenticator: false })
      await frame.page.goto(`${applicationOrigin}/`)
      for (const path of ['/sign-in', '/device', '/signed-out', '/nowhere']) {
        const blocked = frame.page.waitForEvent('console', (message) =>
          /frame-ancestors/.test(message.text()),
        )
        await frame.page.evaluate((address) => {
          const { document } = globalThis as any
          const iframe = document.createElement('iframe')
          iframe.src = address
          document.body.append(iframe)
        }, `${gateway.identity}${path}`)
        await blocked
      }
      await frame.close()
    })

    await t.test('guessing codes ends in a page that says when to go on', async () => {
      for (let attempt = 0; attempt < 16; attempt++) {
        await page.goto(`${gateway.identity}/device`)
        await page
          .getByLabel(device.label, { exact: true })
          .fill(`bcdfg-hjkl${'bcdfghjklmnpqrst'[attempt]}`)
        const [answer] = await Promise.all([
          page.waitForResponse((response) => response.request().method() === 'POST'),
          press(page, device.button),
        ])
        if (answer.status() !== 429) continue
        const seconds = answer.headers()['retry-after'] ?? ''
        assert.match(seconds, /^[1-9]\d*$/)
        await page.getByText(english.error.wait.replace('{seconds}', seconds)).waitFor()
        await page.getByText('login.too_many_tries').waitFor()
        await inspect(page)
        return
      }
      assert.fail('sixteen wrong codes were let through')
    })

    await t.test('nothing came from elsewhere and no policy was broken', () => {
      assertQuiet(ada, [/the server responded with a status of (?:4\d\d|502)/])
    })
  })
})

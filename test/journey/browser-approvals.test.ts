import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { english } from '../../src/pages/index.ts'
import { withBrowser } from '../kit/browser.ts'
import type { Persona } from '../kit/browser.ts'
import { houseText, startRecorder } from '../kit/flows.ts'
import { startGateway, temporaryDirectory } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import { Mint, personId } from '../kit/minting.ts'
import {
  assertQuiet,
  copyPasskeys,
  enrolHere,
  inspect,
  invite,
  press,
  says,
  statusLogged,
  withoutAutofill,
} from '../kit/live.ts'

const text = english.approval

let gateway: GatewayProcess

before(async () => {
  gateway = await startGateway()
})

after(async () => {
  await gateway.kill()
})

/** Presses a button of the sample's page, and gives the window that asks for the approval. */
async function demand({ page, context }: Persona, order: number): Promise<Page> {
  const opening = context.waitForEvent('page')
  await page.getByRole('button', { name: `Delete order ${order}` }).click()
  const opened = await opening
  await opened.getByRole('heading', { name: text.title }).waitFor()
  return opened
}

/** A window of the same person's browser has no authenticator of its own in Chromium's simulation. */
async function bringKey(persona: Persona, opened: Page): Promise<void> {
  const key = await persona.addAuthenticator(opened)
  await copyPasskeys(persona.authenticator, key)
  // The counter goes on in the copy, so the first one must not lag behind it later.
  await persona.authenticator.answer({ present: false })
}

const said = (page: Page, what: string): Promise<void> =>
  page.locator('#said', { hasText: what }).waitFor()

test('requests that a person approves in the browser', async (t) => {
  await withBrowser(async ({ newPersona }) => {
    const admin = await newPersona()
    const { page } = admin
    await enrolHere(page, gateway.enrolment?.link ?? '')
    await page.goto(`${gateway.api}/`)

    await t.test('nothing is deleted by somebody who says no, by the keyboard alone', async () => {
      const opened = await demand(admin, 1)
      await inspect(opened)
      await opened.getByText('Delete order “1”', { exact: true }).waitFor()
      await opened.getByRole('button', { name: text.deny }).focus()
      await opened.keyboard.press('Enter')
      await opened.getByRole('heading', { name: text.ends.denied.title }).waitFor()
      await inspect(opened)
      await said(page, 'Nothing was deleted: denied.')
      await page.getByRole('button', { name: 'Delete order 1' }).waitFor()
      await opened.close()
    })

    await t.test('a program waits while its request is approved on a phone', async () => {
      const phone = await newPersona({
        context: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
      })
      const token = new Mint(gateway).token(personId(gateway, 'admin'))
      const authorization = `Bearer ${token}`
      const made = await call(`${gateway.api}/orders`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: '{"item":"Tea","quantity":1}',
      })
      const url = `${gateway.api}${String(made.headers['location'])}`
      const send = (headers: Record<string, string> = {}): Promise<Answer> =>
        call(url, { method: 'DELETE', headers: { authorization, ...headers } })
      const asked = await send()
      assert.equal(asked.status, 401)
      const { id, approval, status } = asked.json().proof
      await copyPasskeys(admin.authenticator, phone.authenticator)
      await withoutAutofill(phone.page)
      await phone.page.goto(approval)
      await press(phone.page, english.signIn.button)
      await phone.page.getByRole('heading', { name: text.title }).waitFor()
      await inspect(phone.page)
      const waiting = call(`${status}?wait=20`, { headers: { authorization } })
      await press(phone.page, text.approve)
      await says(phone.page, text.messages.approved)
      assert.equal((await waiting).json().state, 'approved')
      assert.equal((await send({ 'proofgate-proof': `id="${id}"` })).status, 204)
      assert.equal((await send({ 'proofgate-proof': `id="${id}"` })).json().code, 'proof.spent')
      await copyPasskeys(phone.authenticator, admin.authenticator)
      assertQuiet(phone)
      await phone.close()
    })

    await t.test('a touch lets exactly that request through', async () => {
      const opened = await demand(admin, 1)
      await bringKey(admin, opened)
      await press(opened, text.approve)
      await says(opened, text.messages.approved)
      await said(page, 'Order 1 is deleted.')
      await page.getByRole('button', { name: 'Delete order 1' }).waitFor({ state: 'detached' })
      await opened.reload()
      await opened.getByRole('heading', { name: text.ends.redeemed.title }).waitFor()
      await opened.close()
    })

    await t.test(
      'a page that shows something else than it would sign asks for no touch',
      async () => {
        const opened = await demand(admin, 2)
        await opened.evaluate(() => {
          const { document } = globalThis as any
          document.querySelector('[data-member=sentence]').textContent = 'Read order “2”'
        })
        await press(opened, text.approve)
        await says(opened, text.messages.differs)
        await press(opened, text.deny)
        await said(page, 'Nothing was deleted: denied.')
        await opened.close()
      },
    )

    await t.test('"This was not me" denies and signs out whoever asked', async () => {
      const opened = await demand(admin, 2)
      await press(opened, text.notMe)
      await page.getByRole('heading', { name: 'Sign in to Proofgate' }).waitFor()
      await opened.close()
    })

    await t.test('nobody else can open it', async () => {
      const alice = await newPersona()
      await enrolHere(alice.page, await invite(gateway, 'alice', ['readers']))
      await alice.page.goto(`${gateway.identity}/approve/AAAAAAAAAAAAAAAAAAAAAA`)
      await alice.page.getByRole('heading', { name: text.ends.unknown.title }).waitFor()
      await inspect(alice.page)
      await alice.page.goto(`${gateway.identity}/approvals`)
      await alice.page.getByText(text.inboxEmpty).waitFor()
      await inspect(alice.page)
      assertQuiet(alice, [statusLogged(404)])
      await alice.close()
    })
    assertQuiet(admin, [statusLogged(401), statusLogged(403)])
  })
})

/** The key that the leaves of Chromium's virtual authenticators have: pinned, they count as attested. */
const leafKey = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEjWF+ZclQjmS8xWc6yCpnmdo8FEZo
LCWMRj//31jf0vo+bDeLU9eVxKTf+0GZ7deGLyOrrwIDtLiRG6BWmZThAQ==
-----END PUBLIC KEY-----
`

test('a transfer that another person approves, with a key that is attested', async (t) => {
  const recorder = await startRecorder()
  const directory = temporaryDirectory()
  writeFileSync(join(directory, 'anchors.pem'), leafKey)
  const file = join(directory, 'proofgate.yaml')
  writeFileSync(
    file,
    houseText(recorder.url)
      .replace(
        '- { method: POST, path: /orders }',
        `- method: POST
        path: /orders
        proof:
          request:
            sentence: 'Order {body.quantity} of {body.item}'
            approvers: { groups: [members] }`,
      )
      .concat(`authenticators: { attestation: direct, trustAnchors: [{ file: anchors.pem }] }\n`),
  )
  const house = await startGateway({ command: ['serve', '--config', file] })
  t.after(async () => {
    recorder.close()
    await house.kill()
  })
  await withBrowser(async ({ newPersona }) => {
    const [alice, bob] = [await newPersona(), await newPersona()]
    await enrolHere(alice.page, await invite(house, 'alice'))
    await enrolHere(bob.page, await invite(house, 'bob'))
    await alice.page.goto(`${house.api}/orders`)
    const approval = await alice.page.evaluate(async () => {
      const page = globalThis as any
      const script: string = '/.proofgate/js/proofgate.js'
      const { proofgateFetch } = await import(script)
      return new Promise<string>((resolve) => {
        page.answered = proofgateFetch('/orders', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: '{"quantity":3,"item":"Tea \u202e"}',
          onDemand: (demanded: { approval: string }) => resolve(demanded.approval),
          onSettled: () => undefined,
        })
      })
    })

    await t.test('the one who asks cannot approve it', async () => {
      const own = await alice.newPage()
      await own.goto(approval)
      await own.getByRole('heading', { name: text.ends.unknown.title }).waitFor()
      await own.close()
    })

    await t.test('the other finds it, sees what cannot be seen, and approves', async () => {
      await bob.page.goto(`${house.identity}/approvals`)
      await inspect(bob.page)
      await bob.page.getByRole('link', { name: 'Order “3” of “Tea' }).click()
      await bob.page.getByText('Order “3” of “Tea \\u{202e}”', { exact: true }).waitFor()
      await inspect(bob.page)
      assert.equal(await bob.page.getByRole('button', { name: text.notMe }).count(), 0)
      await press(bob.page, text.approve)
      await says(bob.page, text.messages.approved)
    })

    await t.test('the request goes through once', async () => {
      const status = await alice.page.evaluate(
        async () => (await (globalThis as any).answered).status as number,
      )
      assert.equal(status, 200)
      assert.equal(recorder.seen.filter(({ method }) => method === 'POST').length, 1)
      assertQuiet(alice, [statusLogged(401), statusLogged(404)])
      assertQuiet(bob)
    })
  })
})

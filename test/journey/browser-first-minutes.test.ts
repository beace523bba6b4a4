import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { english } from '../../src/pages/index.ts'
import { withBrowser } from '../kit/browser.ts'
import { startGateway } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import {
  assertQuiet,
  copyPasskeys,
  inspect,
  press,
  says,
  shownJson,
  statusLogged,
  withoutAutofill,
} from '../kit/live.ts'

const { enrol, account, signIn, logout, ticketProblem } = english

let gateway: GatewayProcess

before(async () => {
  gateway = await startGateway()
})

after(async () => {
  await gateway.kill()
})

const heading = (page: Page, name: string) => page.getByRole('heading', { name }).waitFor()

async function nameIt(page: Page, name: string): Promise<void> {
  await says(page, enrol.created)
  await page.getByLabel(enrol.nameLabel).fill(name)
  await press(page, enrol.save)
}

test('the first ten minutes in a browser', async (t) => {
  await withBrowser(async ({ newPersona }) => {
    const admin = await newPersona()
    const { page } = admin
    const { api, identity } = gateway
    const link = gateway.enrolment?.link ?? ''

    await t.test('the printed link leads through two passkeys to the account', async () => {
      await page.goto(link)
      await inspect(page)
      await press(page, enrol.create)
      await says(page, enrol.created)
      await inspect(page)
      await nameIt(page, 'This laptop')
      await heading(page, enrol.secondHeading)
      await inspect(page)
      // A second authenticator beside the first, which keeps still.
      await admin.authenticator.answer({ present: false })
      const spare = await admin.addAuthenticator(page, { transport: 'usb' })
      await press(page, enrol.second)
      await nameIt(page, 'Blue <b>key</b>')
      await page.waitForURL(`${identity}/account`)
      assert.equal((await spare.credentials()).length, 1)
      assert.equal((await admin.authenticator.credentials()).length, 1)
      await admin.authenticator.answer({ present: true })
      await inspect(page)
    })

    await t.test('the account page says who, which passkeys and which sessions', async () => {
      await page.getByText(account.signedInAs.replace('{person}', 'Administrator')).waitFor()
      const names = await page.locator('section[aria-labelledby=passkeys] h3').allInnerTexts()
      assert.deepEqual(names.map((name) => name.trim()).sort(), ['Blue <b>key</b>', 'This laptop'])
      const sessions = page.locator('section[aria-labelledby=sessions] li')
      assert.equal(await sessions.count(), 1)
      const session = await sessions.innerText()
      for (const shown of ['Chrome on Linux', account.current, '127.0.0.1']) {
        assert.ok(session.includes(shown), session)
      }
    })

    await t.test('a link that was used opens nothing', async () => {
      const stranger = await newPersona({ authenticator: false })
      const answer = await stranger.page.goto(link)
      assert.ok(answer !== null && answer.status() >= 400 && answer.status() < 500)
      await heading(stranger.page, ticketProblem.title)
      await inspect(stranger.page)
      await stranger.page.getByRole('link', { name: ticketProblem.signIn }).click()
      await heading(stranger.page, signIn.heading.replace('{relyingParty}', 'Proofgate'))
      assertQuiet(stranger, [statusLogged(answer.status())])
      await stranger.close()
    })

    await t.test('the API opens in the browser that is signed in, with proven claims', async () => {
      await page.goto(`${api}/whoami?x=1`)
      assert.equal(page.url(), `${api}/whoami?x=1`)
      const seen = await shownJson(page)
      assert.equal(seen.verified, true)
      assert.equal(seen.claims.username ?? seen.claims.preferred_username, 'admin')
      assert.equal((await page.goto(`${api}/orders`))?.status(), 200)
    })

    await t.test('signing out ends it at the API as well', async () => {
      await page.goto(`${identity}/account`)
      await press(page, account.signOut)
      await heading(page, logout.doneTitle)
      await inspect(page)
      await withoutAutofill(page)
      await page.goto(`${api}/whoami`)
      await heading(page, signIn.heading.replace('{relyingParty}', 'Proofgate'))
      assert.equal(new URL(page.url()).origin, identity)
      await page
        .getByText(signIn.forApplication.replace('{application}', new URL(api).host))
        .waitFor()
      await inspect(page)
    })

    await t.test('signing in by the button goes on to where one was', async () => {
      await press(page, signIn.button)
      await page.waitForURL(`${api}/whoami`)
      assert.equal((await shownJson(page)).verified, true)
    })

    await t.test('signing in by the offer in the field does as well', async () => {
      await page.goto(`${identity}/account`)
      await press(page, account.signOut)
      await heading(page, logout.doneTitle)
      // The same passkey in another window, where the offer is not held back.
      const other = await admin.context.newPage()
      await copyPasskeys(admin.authenticator, await admin.addAuthenticator(other))
      await other.goto(`${api}/whoami`)
      await other.getByText('"verified"').waitFor()
      assert.equal(other.url(), `${api}/whoami`)
      assert.equal((await shownJson(other)).verified, true)
      await other.close()
    })

    await t.test('nothing came from elsewhere, nothing was logged, no policy was broken', () => {
      assertQuiet(admin)
    })
  })
})

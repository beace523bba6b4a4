import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { english } from '../../src/pages/index.ts'
import { withBrowser } from '../kit/browser.ts'
import type { Persona } from '../kit/browser.ts'
import { startGateway } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import {
  assertQuiet,
  copyPasskeys,
  enrolHere,
  inspect,
  invite,
  press,
  says,
  statusLogged,
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

    await t.test('a touch lets exactly that request through', async () => {
      const opened = await demand(admin, 1)
      await bringKey(admin, opened)
      await press(opened, text.approve)
      await says(opened, text.messages.approved)
      await said(page, 'Order 1 is deleted.')
      assert.equal(await page.getByRole('button', { name: 'Delete order 1' }).count(), 0)
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
      await said(page, 'Nothing was deleted')
      await page.goto(`${gateway.api}/orders`)
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

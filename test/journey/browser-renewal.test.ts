import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { english } from '../../src/pages/index.ts'
import { withBrowser } from '../kit/browser.ts'
import { databaseOf, inDatabase } from '../kit/flows.ts'
import { configurationFile, startGateway } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import {
  assertQuiet,
  enrolHere,
  enterOn,
  inspect,
  invite,
  says,
  withoutAutofill,
} from '../kit/live.ts'

const { account, enrol, renew, signIn } = english
const day = 86_400_000

let gateway: GatewayProcess

before(async () => {
  const text = `version: 1
upstreams: { nobody: { url: 'http://127.0.0.1:9' } }
apis: { things: { upstream: nobody, routes: [{ method: GET, path: /things }] } }
people: [{ username: ada, name: Ada Example }]
passkeys: { rotateAfter: 365d }
`
  gateway = await startGateway({ command: ['serve', '--config', configurationFile(text)] })
})
after(async () => {
  await gateway.kill()
})

function makeOlder(days: number): void {
  inDatabase(databaseOf(gateway), (database) =>
    database.prepare('UPDATE credential SET created_at = ?').run(Date.now() - days * day),
  )
}

async function signInAgain(page: Page): Promise<void> {
  await page.context().clearCookies()
  await page.goto(`${gateway.identity}/account`)
  await enterOn(page, signIn.button)
  await page.waitForURL('**/renew?return_to=%2Faccount')
}

async function replace(page: Page): Promise<void> {
  await enterOn(page, enrol.create)
  await says(page, enrol.created)
  assert.equal(await page.getByLabel(enrol.nameLabel).inputValue(), 'Passkey')
  await enterOn(page, enrol.save)
  await page.waitForURL('**/account')
  const keys = page.locator('section[aria-labelledby=passkeys] li')
  await keys.first().waitFor()
  assert.equal(await keys.count(), 1)
}

const known = (page: Page): Promise<string> =>
  page.locator('section[aria-labelledby=passkeys] time').first().innerText()

test('an old passkey is replaced with the keyboard alone', async (t) => {
  await withBrowser(async ({ newPersona }) => {
    const ada = await newPersona()
    const { page, authenticator } = ada
    await withoutAutofill(page)
    await enrolHere(page, await invite(gateway, 'ada'))
    const [first] = await authenticator.credentials()

    await t.test('due: not now, and at another sign-in', async () => {
      makeOlder(350)
      await signInAgain(page)
      await inspect(page)
      await enterOn(page, renew.later)
      await page.waitForURL('**/account')
      const before = await known(page)
      await signInAgain(page)
      await replace(page)
      assert.notEqual(await known(page), before)
      const held = await authenticator.credentials()
      assert.equal(held.length, 1, 'the device has put the new one in the place of the old one')
      assert.notEqual(held[0]?.credentialId, first?.credentialId)
    })

    await t.test('past its grace: there is no other way on', async () => {
      makeOlder(400)
      await signInAgain(page)
      await page.getByRole('heading', { name: renew.title }).waitFor()
      await inspect(page)
      assert.equal(await page.getByText(renew.later).count(), 0)
      await page.goto(`${gateway.identity}/account`)
      await page.waitForURL('**/sign-in?*')
      await page.goto(`${gateway.identity}/renew`)
      await replace(page)
      await page.getByRole('heading', { name: account.title }).waitFor()
    })
    assertQuiet(ada)
    await ada.close()
  })
})

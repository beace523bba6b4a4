import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { english } from '../../src/pages/index.ts'
import { withBrowser } from '../kit/browser.ts'
import { administer, databaseOf, inDatabase } from '../kit/flows.ts'
import { configurationFile, startGateway } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import {
  assertQuiet,
  enrolHere,
  enterOn,
  inspect,
  invite,
  says,
  statusLogged,
  withoutAutofill,
} from '../kit/live.ts'
import { SoftPerson } from '../kit/person.ts'

const { account, breakGlass, enrol, recoveries, renew, signIn } = english
const day = 86_400_000

let gateway: GatewayProcess

before(async () => {
  const text = `version: 1
upstreams: { nobody: { url: 'http://127.0.0.1:9' } }
apis: { things: { upstream: nobody, routes: [{ method: GET, path: /things }] } }
people: [{ username: ada, name: Ada Example, groups: [approvers] }, { username: max, name: Max Example }]
groups: { approvers: {} }
passkeys: { rotateAfter: 365d }
recovery: { approvers: approvers }
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

async function signInAgain(page: Page, leadsTo = 'renew'): Promise<void> {
  await page.context().clearCookies()
  await page.goto(`${gateway.identity}/account`)
  await enterOn(page, signIn.button)
  await page.waitForURL(`**/${leadsTo}?return_to=%2Faccount`)
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

test('passkeys are replaced, recovered and unsealed with the keyboard alone', async (t) => {
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

    await t.test('somebody else is let in again with a touch of this minute', async () => {
      const body = { reason: 'lost his phone' }
      const asked = await administer(gateway, 'POST', '/v1/people/max/recover', body)
      inDatabase(databaseOf(gateway), (database) =>
        database.prepare('UPDATE session SET proved_at = proved_at - 61000').run(),
      )
      await page.goto(`${gateway.identity}/recoveries`)
      await page.getByText(asked.json().code).waitFor()
      await inspect(page)
      await enterOn(page, recoveries.approve)
      await page.getByText(recoveries.none).waitFor()
      await inspect(page)
      const max = new SoftPerson(gateway)
      assert.equal((await max.enrolByLink(asked.json().link)).status, 200)
    })

    await t.test(
      'sealed for emergencies: it asks why, and says that an alarm was raised',
      async () => {
        const mine = await administer(gateway, 'GET', '/v1/people/ada/credentials')
        const [{ id }] = mine.json().credentials
        await administer(gateway, 'POST', `/v1/credentials/${id}/seal`)
        await signInAgain(page, 'break-glass')
        await inspect(page)
        await page.getByLabel(breakGlass.reason).focus()
        await page.keyboard.type('the vault burns')
        await enterOn(page, breakGlass.go)
        await page.waitForURL('**/account')
        await page.getByText(breakGlass.banner).waitFor()
        await inspect(page)
      },
    )
    assertQuiet(ada, [statusLogged(403)])
    await ada.close()
  })
})

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { english } from '../../src/pages/index.ts'
import { withBrowser } from '../kit/browser.ts'
import { startGateway } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import {
  assertQuiet,
  enrolHere,
  inspect,
  invite,
  press,
  says,
  shownJson,
  statusLogged,
  withoutAutofill,
} from '../kit/live.ts'

const { enrol, account, signIn, ceremony, logout } = english

let gateway: GatewayProcess

before(async () => {
  gateway = await startGateway()
})

after(async () => {
  await gateway.kill()
})

const heading = (page: Page, name: string) => page.getByRole('heading', { name }).waitFor()

/** What has the keyboard's attention: its text, or its name in a form. */
function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const one = (globalThis as any).document.activeElement
    return one.tagName === 'INPUT' ? one.name : one.textContent.trim()
  })
}

/** Presses Tab until `wanted` has the focus. */
async function tabTo(page: Page, wanted: string): Promise<void> {
  const passed: string[] = []
  await page.waitForLoadState()
  for (let step = 0; step < 25; step++) {
    await page.keyboard.press('Tab')
    const at = await focused(page)
    if (at === wanted) return
    passed.push(at)
  }
  assert.fail(`Tab does not reach ${wanted}, only ${passed.join(', ')}`)
}

test('people at a browser', async (t) => {
  await withBrowser(async ({ newPersona }) => {
    await t.test('can do everything from the link to signing in again by keyboard', async () => {
      const link = await invite(gateway, 'kay', ['readers'])
      const kay = await newPersona()
      const { page } = kay
      await withoutAutofill(page)
      await page.goto(link)
      await tabTo(page, enrol.create)
      await page.keyboard.press('Enter')
      await says(page, enrol.created)
      assert.equal(await focused(page), enrol.nameHeading)
      await tabTo(page, 'name')
      await page.keyboard.type('Keyboard key')
      await page.keyboard.press('Enter')
      await says(page, enrol.named)
      assert.equal(await focused(page), enrol.secondHeading)
      await tabTo(page, enrol.skip)
      await page.keyboard.press('Enter')
      await page.waitForURL('**/account')
      await page.getByRole('heading', { name: 'Keyboard key' }).waitFor()
      await tabTo(page, account.signOut)
      await page.keyboard.press('Enter')
      await heading(page, logout.doneTitle)
      await tabTo(page, logout.again)
      await page.keyboard.press('Enter')
      await page.waitForURL('**/sign-in')
      await tabTo(page, 'username')
      await page.keyboard.press('Enter')
      await page.waitForURL('**/account')
      assertQuiet(kay)
      await kay.close()
    })

    await t.test('can leave name and second passkey for later, and are reminded', async () => {
      const link = await invite(gateway, 'sam', ['readers'])
      const sam = await newPersona()
      await enrolHere(sam.page, link)
      await sam.page.getByText(account.oneKey).waitFor()
      await sam.page.getByText(account.notRemovable).waitFor()
      assert.equal(await sam.page.locator('form[action$="/remove"]').count(), 0)
      await inspect(sam.page)
      await sam.page.getByRole('link', { name: account.add }).click()
      await heading(sam.page, enrol.headingSignedIn)
      await inspect(sam.page)
      // The device that holds the first passkey refuses to make another for the same account.
      await press(sam.page, enrol.create)
      await says(sam.page, enrol.exists)
      await sam.authenticator.answer({ present: false })
      await sam.addAuthenticator(sam.page, { transport: 'usb' })
      await press(sam.page, enrol.create)
      await says(sam.page, enrol.created)
      await sam.page.getByRole('link', { name: enrol.skip }).first().click()
      await sam.page.waitForURL('**/account')
      assert.equal(await sam.page.locator('section[aria-labelledby=passkeys] li').count(), 2)
      assertQuiet(sam)
      await sam.close()
    })

    await t.test('are told that nothing happened, and why, and can try again', async () => {
      const link = await invite(gateway, 'una', ['readers'])
      const una = await newPersona()
      const { page } = una
      await withoutAutofill(page)
      await una.authenticator.answer({ verified: false })
      await page.goto(link)
      await press(page, enrol.create)
      await says(page, ceremony.cancelled)
      await inspect(page)
      assert.deepEqual(await una.authenticator.credentials(), [])
      // The link is not spent by a ceremony that came to nothing.
      await una.authenticator.answer({ verified: true })
      await enrolHere(page, link)
      await press(page, account.signOut)
      await heading(page, logout.doneTitle)
      await page.goto(`${gateway.identity}/sign-in`)
      await una.authenticator.answer({ verified: false })
      await press(page, signIn.button)
      await says(page, ceremony.cancelled)
      await inspect(page)
      await una.authenticator.answer({ verified: true })
      await press(page, signIn.button)
      await page.waitForURL('**/account')
      assertQuiet(una)
      await una.close()
    })

    await t.test(
      'are not signed in by a passkey that the server does not know any more',
      async () => {
        const una = await newPersona()
        const { page } = una
        await withoutAutofill(page)
        await enrolHere(page, await invite(gateway, 'pat', ['readers']))
        const { credentials } = await una.authenticator.session.send('WebAuthn.getCredentials', {
          authenticatorId: una.authenticator.id,
        })
        const [credential] = credentials
        assert.ok(credential)
        await press(page, account.signOut)
        await heading(page, logout.doneTitle)
        await una.authenticator.session.send('WebAuthn.removeCredential', {
          authenticatorId: una.authenticator.id,
          credentialId: credential.credentialId,
        })
        await una.authenticator.session.send('WebAuthn.addCredential', {
          authenticatorId: una.authenticator.id,
          credential: { ...credential, credentialId: Buffer.alloc(16, 7).toString('base64') },
        })
        await page.goto(`${gateway.identity}/sign-in`)
        await press(page, signIn.button)
        await says(page, ceremony.failed)
        assert.match(await page.locator('#status').innerText(), /Reference: \S+/)
        await inspect(page)
        assertQuiet(una, [statusLogged(401), statusLogged(403)])
        await una.close()
      },
    )

    await t.test('are told that their browser is too old, or that scripts are off', async () => {
      const old = await newPersona()
      await old.page.addInitScript(() => {
        const { PublicKeyCredential } = globalThis as any
        delete PublicKeyCredential.parseRequestOptionsFromJSON
        delete PublicKeyCredential.parseCreationOptionsFromJSON
      })
      await old.page.goto(await invite(gateway, 'olaf', ['readers']))
      await says(old.page, ceremony.unsupported)
      await inspect(old.page)
      await press(old.page, enrol.create)
      await says(old.page, ceremony.unsupported)
      await old.page.goto(`${gateway.identity}/sign-in`)
      await says(old.page, ceremony.unsupported)
      await press(old.page, signIn.button)
      await says(old.page, ceremony.unsupported)
      assertQuiet(old)
      await old.close()
      const scriptless = await newPersona({
        authenticator: false,
        context: { javaScriptEnabled: false },
      })
      await scriptless.page.goto(`${gateway.identity}/sign-in`)
      await scriptless.page.locator('noscript p').waitFor()
      assert.equal(await scriptless.page.locator('noscript p').textContent(), english.noScript)
      await scriptless.close()
    })

    await t.test('cannot be given the passkey of somebody else by a link', async () => {
      const mine = await newPersona()
      await enrolHere(mine.page, await invite(gateway, 'ivy', ['readers']))
      const answer = await mine.page.goto(await invite(gateway, 'zoe', ['readers']))
      assert.ok(answer !== null && answer.status() >= 400 && answer.status() < 500)
      await inspect(mine.page)
      await mine.page.goto(`${gateway.api}/whoami`)
      assert.match(JSON.stringify(await shownJson(mine.page)), /ivy/)
      assertQuiet(mine, [statusLogged(answer.status())])
      await mine.close()
    })
  })
})

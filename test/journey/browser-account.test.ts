import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { english } from '../../src/pages/index.ts'
import { withBrowser } from '../kit/browser.ts'
import { databaseOf, inDatabase } from '../kit/flows.ts'
import { configurationFile, startGateway } from '../kit/gateway.ts'
import type { Authenticator } from '../kit/browser.ts'
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
  withoutAutofill,
} from '../kit/live.ts'
import { SoftPerson } from '../kit/person.ts'

const { account, enrol, ceremony, logout, signIn } = english

const configuration = `version: 1
sessions: { proofFreshness: 2m }
upstreams: { nobody: { url: 'http://127.0.0.1:9' } }
apis:
  things:
    upstream: nobody
    routes: [{ method: GET, path: /things }]
people: [{ username: ada, name: Ada Example }, { username: max, name: Max Example }]
`

let gateway: GatewayProcess

before(async () => {
  gateway = await startGateway({ command: ['serve', '--config', configurationFile(configuration)] })
})

after(async () => {
  await gateway.kill()
})

/** As if the last touch were ten minutes ago. */
function grow(): void {
  inDatabase(databaseOf(gateway), (database) =>
    database.exec('UPDATE session SET proved_at = proved_at - 600000'),
  )
}

const passkeys = (page: Page) => page.locator('section[aria-labelledby=passkeys] li')
const sessions = (page: Page) => page.locator('section[aria-labelledby=sessions] li')
const heading = (page: Page, name: string) => page.getByRole('heading', { name }).waitFor()

/** The status a script at the API's origin gets. */
async function statusAtApi(page: Page): Promise<number> {
  if (!page.url().startsWith(gateway.api)) await page.goto(`${gateway.api}/things`)
  return page.evaluate(async () => (await fetch('/things')).status)
}

test('the account page', async (t) => {
  await withBrowser(async ({ newPersona }) => {
    const ada = await newPersona()
    const { page } = ada
    await enrolHere(page, await invite(gateway, 'ada'))
    let spareKey: Authenticator | undefined

    await t.test('ends the session of another browser, which the API then refuses', async () => {
      const other = await newPersona()
      await copyPasskeys(ada.authenticator, other.authenticator)
      await other.page.goto(`${gateway.api}/things`)
      // Nobody may call it, so being known shows as 403 and being unknown as 401.
      await heading(other.page, 'You may not do this')
      assert.equal(await statusAtApi(other.page), 403)
      await page.reload()
      assert.equal(await sessions(page).count(), 3)
      await inspect(page)
      const theirs = sessions(page)
        .filter({ has: page.getByText(account.browser, { exact: true }) })
        .filter({ hasNot: page.getByText(account.current) })
      await Promise.all([page.waitForEvent('load'), theirs.getByRole('button').click()])
      assert.equal(await statusAtApi(other.page), 401)
      await page.locator('section[aria-labelledby=sessions] li').first().waitFor()
      assert.equal(await sessions(page).count(), 1)
      await withoutAutofill(other.page)
      await other.page.goto(`${gateway.identity}/account`)
      await heading(other.page, signIn.heading.replace('{relyingParty}', 'Proofgate'))
      await copyPasskeys(other.authenticator, ada.authenticator)
      assertQuiet(other, [statusLogged(401), statusLogged(403)])
      await other.close()
    })

    await t.test('renames a passkey', async () => {
      await passkeys(page).locator('summary', { hasText: account.rename }).click()
      await page.getByLabel(account.newName).fill('Rot & grün')
      await Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')])
      await page.getByRole('heading', { name: 'Rot & grün' }).waitFor()
    })

    await t.test('adds a passkey after asking for a fresh proof', async () => {
      grow()
      await ada.authenticator.answer({ verified: false })
      await page.getByRole('link', { name: account.add }).click()
      await press(page, enrol.create)
      await says(page, ceremony.cancelled)
      await ada.authenticator.answer({ verified: true })
      // The device that holds the first passkey proves; it would refuse to hold a second one.
      await press(page, enrol.create)
      await says(page, enrol.exists)
      await ada.authenticator.answer({ present: false })
      spareKey = await ada.addAuthenticator(page, { transport: 'usb' })
      await press(page, enrol.create)
      await says(page, enrol.created)
      await page.getByLabel(enrol.nameLabel).fill('Spare')
      await press(page, enrol.save)
      await page.waitForURL('**/account')
      assert.equal(await passkeys(page).count(), 2)
      // What is removed later confirms nothing: its touch would go with it.
      await spareKey.answer({ present: false })
      await ada.authenticator.answer({ present: true })
    })

    await t.test('removes a passkey after a fresh proof and tells the browser', async () => {
      await page.addInitScript(() => {
        const { PublicKeyCredential, console } = globalThis as any
        const original = PublicKeyCredential.signalAllAcceptedCredentials
        PublicKeyCredential.signalAllAcceptedCredentials = (options: unknown) => {
          console.log(JSON.stringify(options))
          return original.call(PublicKeyCredential, options)
        }
      })
      const signals: any[] = []
      page.on('console', (message) => {
        if (message.type() === 'log') signals.push(JSON.parse(message.text()))
      })
      grow()
      await page.reload()
      const first = Buffer.from(
        (await ada.authenticator.credentials())[0]?.credentialId ?? '',
        'base64',
      ).toString('base64url')
      const spare = passkeys(page).filter({ has: page.getByRole('heading', { name: 'Spare' }) })
      const confirms: string[] = []
      page.on('request', (request) => {
        if (request.url().endsWith('/webauthn/authentication/options')) {
          confirms.push(request.postData() ?? '')
        }
      })
      await spare.locator('summary', { hasText: account.remove }).click()
      await Promise.all([
        page.waitForEvent('load'),
        spare.getByRole('button', { name: account.removeConfirm }).click(),
      ])
      await page.getByText(account.notRemovable).waitFor()
      assert.equal(await passkeys(page).count(), 1)
      assert.deepEqual(confirms, ['{"purpose":"confirm"}'])
      assert.deepEqual(await spareKey?.credentials(), [])
      assert.deepEqual(signals, [
        {
          rpId: gateway.relyingPartyId,
          userId: signals[0]?.userId,
          allAcceptedCredentialIds: [first],
        },
      ])
      assert.match(String(signals[0]?.userId), /^[\w-]{22,}$/)
      await inspect(page)
    })

    await t.test('does not remove the last passkey, whatever is sent', async () => {
      const [only] = await ada.authenticator.credentials()
      const id = Buffer.from(only?.credentialId ?? '', 'base64').toString('base64url')
      const status = await page.evaluate(async (credential) => {
        const { document } = globalThis as any
        const { value } = document.querySelector('input[name=csrf]')
        const answer = await fetch(`/account/credentials/${credential}/remove`, {
          method: 'POST',
          headers: { accept: 'application/json' },
          body: new URLSearchParams({ csrf: value }),
        })
        return [answer.status, ((await answer.json()) as any).code]
      }, id)
      assert.deepEqual(status, [409, 'identity.last_credential'])
    })

    await t.test('signs out everywhere', async () => {
      await Promise.all([page.waitForURL('**/signed-out'), press(page, account.endAll)])
      await heading(page, logout.doneTitle)
      await withoutAutofill(page)
      await page.goBack()
      await heading(page, signIn.heading.replace('{relyingParty}', 'Proofgate'))
      assertQuiet(ada, [statusLogged(401), statusLogged(403), statusLogged(409)])
      await ada.close()
    })

    await t.test('stays small with ten passkeys and ten sessions, and shows them all', async () => {
      const max = new SoftPerson(gateway)
      assert.equal((await max.enrolByLink(await invite(gateway, 'max'))).status, 200)
      for (let more = 1; more < 10; more++) {
        await max.signIn('confirm')
        const other = new SoftPerson(gateway)
        Object.defineProperty(other, 'client', { value: max.client })
        assert.equal((await other.enrol()).status, 200)
        const elsewhere = new SoftPerson(gateway, max.authenticator)
        assert.equal((await elsewhere.signIn()).status, 200)
      }
      const visitor = await newPersona({ authenticator: false })
      await visitor.context.addCookies([
        {
          name: 'pg_session',
          value: max.client.cookie(gateway.identity, 'pg_session') ?? '',
          url: gateway.identity,
        },
      ])
      await visitor.page.goto(`${gateway.identity}/account`)
      assert.equal(await passkeys(visitor.page).count(), 10)
      assert.equal(await sessions(visitor.page).count(), 10)
      await inspect(visitor.page)
      assertQuiet(visitor)
      await visitor.close()
    })
  })
})

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
  press,
  shownJson,
  statusLogged,
  withoutAutofill,
} from '../kit/live.ts'
import { freePort } from '../kit/ports.ts'

const { account, enrol, logout, signIn } = english

let gateway: GatewayProcess
let origin: string

before(async () => {
  const port = await freePort()
  origin = `http://localhost:${port}`
  gateway = await startGateway({ command: ['start', '--origin', origin], port })
})

after(async () => {
  await gateway.kill()
})

const heading = (page: Page, name: string) => page.getByRole('heading', { name }).waitFor()

test('everything on one origin', async (t) => {
  await withBrowser(async ({ newPersona }) => {
    const admin = await newPersona()
    const { page } = admin
    await withoutAutofill(page)

    await t.test('enrols below /.proofgate and opens the account', async () => {
      assert.ok(gateway.enrolment?.link.startsWith(`${origin}/.proofgate/enrol/`))
      await page.goto(gateway.enrolment?.link ?? '')
      await inspect(page)
      await enrolHere(page, gateway.enrolment?.link ?? '')
      assert.equal(page.url(), `${origin}/.proofgate/account`)
      await inspect(page)
      await page.getByRole('link', { name: account.add }).click()
      await heading(page, enrol.headingSignedIn)
      assert.equal(page.url(), `${origin}/.proofgate/enrol`)
    })

    await t.test('opens the API there too, and signs out of it', async () => {
      await page.goto(`${origin}/whoami`)
      assert.equal((await shownJson(page)).verified, true)
      await page.goto(`${origin}/.proofgate/account`)
      await press(page, account.signOut)
      await heading(page, logout.doneTitle)
      await page.goto(`${origin}/whoami`)
      await heading(page, signIn.heading.replace('{relyingParty}', 'Proofgate'))
      assert.ok(page.url().startsWith(`${origin}/.proofgate/sign-in?`))
      await press(page, signIn.button)
      await page.waitForURL(`${origin}/whoami`)
      assert.equal((await shownJson(page)).verified, true)
    })

    await t.test('keeps the cookies of the gateway from the service behind it', async () => {
      const names = (await admin.context.cookies()).map(({ name }) => name)
      assert.ok(names.includes('pg_session'), names.join())
      const seen = JSON.stringify(await shownJson(page))
      for (const { name, value } of await admin.context.cookies()) {
        assert.ok(!seen.includes(name) && !seen.includes(value), name)
      }
    })

    await t.test('answers an unknown page of its own and of the API with a page', async () => {
      for (const path of ['/.proofgate/nowhere', '/nowhere']) {
        const answer = await page.goto(`${origin}${path}`)
        assert.equal(answer?.status(), 404)
        await inspect(page)
      }
      assertQuiet(admin, [statusLogged(404)])
    })
  })
})

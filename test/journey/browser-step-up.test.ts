import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { english } from '../../src/pages/index.ts'
import { withBrowser } from '../kit/browser.ts'
import { databaseOf, inDatabase } from '../kit/flows.ts'
import { configurationFile, startGateway } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { assertQuiet, enrolHere, enterOn, inspect, invite, statusLogged } from '../kit/live.ts'

const { stepUp } = english

/** A bank with one form; each transfer it is sent is written down. */
const transfers: string[] = []
const bank = createServer((request, response) => {
  let body = ''
  request.on('data', (chunk: Buffer) => (body += chunk.toString()))
  request.on('end', () => {
    response.setHeader('content-type', 'text/html; charset=utf-8')
    if (request.method === 'POST') transfers.push(body)
    response.end(
      request.method === 'POST'
        ? `<!doctype html><html lang="en"><title>Done</title><h1>Transfer ${transfers.length} done</h1>`
        : `<!doctype html><html lang="en"><title>Bank</title><link rel="icon" href="data:,"><h1>${request.url === '/vault' ? 'The vault' : 'Bank'}</h1>
           <form method="post" action="/transfer?from=7"><label>Amount <input name="amount" value="12 €"></label>
           <button>Transfer</button></form>`,
    )
  })
})

let gateway: GatewayProcess

before(async () => {
  await new Promise<void>((resolve) => {
    bank.listen(0, '127.0.0.1', resolve)
  })
  bank.unref()
  const text = `version: 1
upstreams: { bank: { url: 'http://127.0.0.1:${(bank.address() as AddressInfo).port}' } }
apis:
  bank:
    upstream: bank
    routes:
      - { method: GET, path: / }
      - { method: GET, path: /vault, proof: { maxAge: 5m } }
      - { method: POST, path: /transfer, proof: { maxAge: 5m } }
people: [{ username: ada, name: Ada Example, groups: [customers] }]
groups: { customers: { policies: [all] } }
policies:
  all:
    Version: '2012-10-17'
    Statement: [{ Effect: Allow, Action: 'execute-api:Invoke', Resource: '*' }]
`
  gateway = await startGateway({ command: ['serve', '--config', configurationFile(text)] })
})
after(async () => {
  await gateway.kill()
  bank.closeAllConnections()
  bank.close()
})

/** As if the last touch were ten minutes ago, for every session, known to everybody. */
async function grow(page: Page): Promise<void> {
  inDatabase(databaseOf(gateway), (database) => {
    database.exec('UPDATE session SET proved_at = proved_at - 600000')
    database.exec(`INSERT INTO revocation (kind, id, at) SELECT 'proof', id, 1 FROM session`)
  })
  await page.waitForTimeout(1000)
}

const heading = (page: Page, name: string): Promise<void> =>
  page.getByRole('heading', { name, exact: true }).waitFor()

test('a touch in between, with the keyboard alone', async (t) => {
  await withBrowser(async ({ newPersona }) => {
    const ada = await newPersona()
    const { page } = ada
    await enrolHere(page, await invite(gateway, 'ada'))
    await page.goto(`${gateway.api}/`)
    await heading(page, 'Bank')

    await t.test('leads a page back to itself', async () => {
      await grow(page)
      await page.goto(`${gateway.api}/vault`)
      await heading(page, stepUp.title)
      assert.ok(page.url().startsWith(gateway.identity), page.url())
      await inspect(page)
      await enterOn(page, stepUp.button)
      await heading(page, 'The vault')
      assert.equal(page.url(), `${gateway.api}/vault`)
    })

    await t.test(
      'sends a form once, whatever is reloaded, gone back to or opened twice',
      async () => {
        await grow(page)
        await page.goto(`${gateway.api}/`)
        await enterOn(page, 'Transfer')
        await heading(page, stepUp.title)
        await enterOn(page, stepUp.button)
        await heading(page, stepUp.continueTitle)
        assert.ok(page.url().startsWith(`${gateway.api}/.proofgate/session/continue`), page.url())
        await inspect(page)
        await page.reload()
        const second = await page.context().newPage()
        await second.goto(page.url())
        await heading(second, stepUp.continueTitle)
        assert.deepEqual(transfers, [])
        await enterOn(page, stepUp.continueButton)
        await heading(page, 'Transfer 1 done')
        await enterOn(second, stepUp.continueButton)
        await heading(second, 'This cannot be continued')
        await second.close()
        await page.reload()
        await heading(page, 'This cannot be continued')
        await page.goBack()
        await page.waitForLoadState()
        assert.deepEqual(transfers, ['amount=12+%E2%82%AC'])
      },
    )

    await t.test('nothing is sent for somebody who does not touch a key', async () => {
      await grow(page)
      await page.goto(`${gateway.api}/`)
      await enterOn(page, 'Transfer')
      await heading(page, stepUp.title)
      await page.goto(`${gateway.api}/`)
      await heading(page, 'Bank')
      assert.equal(transfers.length, 1)
    })
    assertQuiet(ada, [statusLogged(400)])
    await ada.close()
  })
})

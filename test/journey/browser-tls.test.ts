import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { english } from '../../src/pages/index.ts'
import { withBrowser } from '../kit/browser.ts'
import { proofgate, startGateway, temporaryDirectory } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { assertQuiet, enrolHere, inspect, press, withoutAutofill } from '../kit/live.ts'
import { dataPlaneText } from '../kit/data-plane.ts'
import { headerOf, RecordingUpstream } from '../kit/upstream.ts'

const { account, logout, signIn } = english
const upstream = new RecordingUpstream()
let gateway: GatewayProcess
let key: string

/** With what `proofgate dev-ca` makes and tells to write. */
before(async () => {
  const cwd = temporaryDirectory()
  const file = join(cwd, 'proofgate.yaml')
  const text = dataPlaneText({ upstream: await upstream.listen() })
  writeFileSync(file, text)
  const made = await proofgate(['dev-ca', '--json'], { cwd })
  assert.equal(made.code, 0, made.stderr)
  const { server, yaml } = JSON.parse(made.stdout)
  writeFileSync(file, `${text}\n${yaml}\n`)
  const { publicKey } = new X509Certificate(readFileSync(server.cert))
  key = createHash('sha256')
    .update(publicKey.export({ format: 'der', type: 'spki' }))
    .digest('base64')
  gateway = await startGateway({ command: ['serve', '--config', file] })
})

after(async () => {
  await gateway.kill()
  upstream.close()
})

test('people sign in and call an API over TLS and HTTP/2', async (t) => {
  await withBrowser(
    async ({ newPersona }) => {
      const alice = await newPersona()
      const { page } = alice
      await withoutAutofill(page)

      await t.test('the first person enrols and has an account', async () => {
        const link = gateway.enrolment?.link ?? ''
        assert.match(link, /^https:/)
        await page.goto(link)
        await enrolHere(page, link)
        assert.equal(page.url(), `${gateway.identity}/account`)
        await inspect(page)
      })

      await t.test('the API opens over HTTP/2 with a cookie for its host alone', async () => {
        const answer = await page.goto(`${gateway.api}/app/x`)
        assert.equal(answer?.status(), 200)
        assert.equal(
          await page.evaluate('performance.getEntriesByType("navigation")[0].nextHopProtocol'),
          'h2',
        )
        const seen = upstream.take().at(-1)
        assert.deepEqual(headerOf(seen, 'x-forwarded-proto'), ['https'])
        assert.deepEqual(headerOf(seen, 'cookie'), [])
        const cookies = await alice.context.cookies()
        for (const { name, secure, httpOnly } of cookies) {
          assert.match(name, /^__(?:Host|Secure)-/)
          assert.deepEqual([secure, httpOnly], [true, true], name)
        }
        assert.ok(cookies.some(({ name }) => name === '__Host-pg_api'))
      })

      await t.test('signing out and in again leads back to where one was', async () => {
        await page.goto(`${gateway.identity}/account`)
        await press(page, account.signOut)
        await page.getByRole('heading', { name: logout.doneTitle }).waitFor()
        await page.goto(`${gateway.api}/app/y`)
        await press(page, signIn.button)
        await page.waitForURL(`${gateway.api}/app/y`)
      })

      await t.test('nothing was logged and no policy was broken', () => {
        assertQuiet(alice)
      })
    },
    [`--ignore-certificate-errors-spki-list=${key}`],
  )
})

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { english } from '../../src/pages/index.ts'
import { withBrowser } from '../kit/browser.ts'
import type { Authenticator, BrowserKit, Persona } from '../kit/browser.ts'
import { watchEgress } from '../kit/egress.ts'
import { proofgate, startGateway, temporaryDirectory } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import {
  assertQuiet,
  enrolHere,
  invite,
  press,
  says,
  statusLogged,
  withoutAutofill,
} from '../kit/live.ts'

const egress = watchEgress()
let gateway: GatewayProcess

before(async () => {
  const file = join(temporaryDirectory(), 'proofgate.yaml')
  writeFileSync(
    file,
    `version: 1
upstreams: { nobody: { url: 'http://127.0.0.1:9' } }
apis:
  things:
    upstream: nobody
    routes: [{ method: GET, path: /things }]
authenticators: { attestation: direct }
`,
  )
  const { environment } = egress
  gateway = await startGateway({ command: ['serve', '--config', file], environment })
})

after(async () => {
  await gateway.kill()
})

async function recordsOf(username: string): Promise<any[]> {
  const where = ['--data-dir', gateway.dataDirectory, '--kind', 'ceremony', '--json']
  const { stdout } = await proofgate(['audit', 'tail', '-n', '500', ...where])
  const records: any[] = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
  return records.filter(({ who }) => who?.username === username)
}

/** Somebody with one passkey, on the account page. */
async function enrolled(
  { newPersona }: BrowserKit,
  username: string,
  options: Parameters<BrowserKit['newPersona']>[0] = {},
): Promise<Persona> {
  const persona = await newPersona(options)
  await enrolHere(persona.page, await invite(gateway, username))
  return persona
}

async function signInByButton({ page, context }: Persona): Promise<void> {
  await context.clearCookies()
  await page.goto(`${gateway.identity}/sign-in`)
  await press(page, english.signIn.button)
}

const atAccount = (page: Page): Promise<void> => page.waitForURL('**/account')

/** Puts the one passkey there again with another counter, as a copy of the device would have it. */
async function setCounter({ session, id }: Authenticator, signCount: number): Promise<void> {
  const authenticatorId = id
  const { credentials } = await session.send('WebAuthn.getCredentials', { authenticatorId })
  const [credential] = credentials
  assert.ok(credential !== undefined && credentials.length === 1)
  await session.send('WebAuthn.clearCredentials', { authenticatorId })
  await session.send('WebAuthn.addCredential', {
    authenticatorId,
    credential: { ...credential, signCount },
  })
}

/** Changes what the device says of its passkey. */
async function say(
  device: Authenticator,
  flags: { backupEligibility?: boolean; backupState?: boolean },
): Promise<void> {
  const [credential] = await device.credentials()
  await device.session.send('WebAuthn.setCredentialProperties', {
    authenticatorId: device.id,
    credentialId: credential?.credentialId ?? '',
    ...flags,
  })
}

test('what a passkey says of itself, in a real browser and with nothing reached out to', async (t) => {
  await withBrowser(async (kit) => {
    await t.test('a passkey that the field offers signs in without a button', async () => {
      const persona = await enrolled(kit, 'field')
      await persona.context.clearCookies()
      await persona.page.goto(`${gateway.identity}/sign-in`)
      await atAccount(persona.page)
      const signIns = (await recordsOf('field')).filter(
        ({ action, outcome }) => action === 'credential.sign-in' && outcome === 'success',
      )
      assert.equal(signIns.length, 1)
      assertQuiet(persona)
      await persona.close()
    })

    await t.test('a counter that went back is refused, and the key is not locked', async () => {
      const persona = await enrolled(kit, 'counted')
      const { page, authenticator } = persona
      await withoutAutofill(page)
      await setCounter(authenticator, 100)
      await signInByButton(persona)
      await atAccount(page)
      await setCounter(authenticator, 40)
      await signInByButton(persona)
      await says(page, english.ceremony.failed)
      assert.ok(page.url().includes('/sign-in'))
      const suspicions = (await recordsOf('counted')).filter(
        ({ action }) => action === 'authenticator_clone_suspected',
      )
      assert.equal(suspicions.length, 1)
      assert.match(suspicions[0].detail, /^the counter is 4\d, and 101 is on record$/)
      await setCounter(authenticator, 200)
      await signInByButton(persona)
      await atAccount(page)
      assertQuiet(persona, [statusLogged(403)])
      await persona.close()
    })

    await t.test('whether it is backed up may change, whether it can be may not', async () => {
      const persona = await enrolled(kit, 'synced', {
        authenticator: { defaultBackupEligibility: true, defaultBackupState: false },
      })
      const { page, authenticator } = persona
      await page.getByText(english.account.synced, { exact: true }).waitFor()
      await withoutAutofill(page)
      await say(authenticator, { backupState: true })
      await signInByButton(persona)
      await atAccount(page)
      const changes = (await recordsOf('synced')).flatMap(({ what }) => what?.backedUp ?? [])
      assert.deepEqual(changes, [true])
      await say(authenticator, { backupEligibility: false, backupState: false })
      await signInByButton(persona)
      await says(page, english.ceremony.failed)
      const last = (await recordsOf('synced')).filter(({ outcome }) => outcome === 'failure')
      assert.equal(last.length, 1)
      assert.equal(last[0].reason, 'webauthn.assertion_rejected')
      assert.match(last[0].detail, /backup eligibility/)
      assertQuiet(persona, [statusLogged(401)])
      await persona.close()
    })

    await t.test('a passkey that stays on its device is shown as such', async () => {
      const persona = await enrolled(kit, 'bound')
      await persona.page.getByText(english.account.bound, { exact: true }).waitFor()
      assertQuiet(persona)
      await persona.close()
    })
  })
  // One line for each process that is watched: the server, and what read its configuration.
  assert.deepEqual([...new Set(egress.reached())], ['watching'])
  // The watch sees what there is to see: a command that asks the server begins a connection.
  const { code } = await proofgate(['status', '--data-dir', gateway.dataDirectory], egress)
  assert.equal(code, 0)
  assert.ok(egress.reached().includes('connection'))
})

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { accountPage, english, enrolPage, signInPage } from '../../src/pages/index.ts'
import { withBrowser } from '../kit/browser.ts'
import type { Persona } from '../kit/browser.ts'
import { withoutAutofill } from '../kit/live.ts'
import { servePages } from './server.ts'
import type { PageServer, Seen } from './server.ts'
import { everyKey } from './views.ts'

const base = '/.proofgate'
const csrf = 'c-1'
const at = Date.UTC(2026, 10, 22)
const person = { base, personName: 'Ada', username: 'ada', rpName: 'Proofgate' }

const pages = new Map([
  ['sign-in', signInPage({ base, returnTo: '/orders?x=1', rpName: 'Proofgate' })],
  [
    'ticket',
    enrolPage({
      ...person,
      mode: 'ticket',
      ticket: 'tkt-1',
      hasCredentials: false,
      suitable: everyKey,
    }),
  ],
  [
    'more',
    enrolPage({ ...person, mode: 'signed-in', csrf, hasCredentials: true, suitable: everyKey }),
  ],
  [
    'account',
    accountPage({
      base,
      csrf,
      person: { name: 'Ada Example', username: 'ada', groups: [] },
      credentials: [
        { id: 'k1', name: 'Blue key', createdAt: at, synced: false, removable: true },
        { id: 'k2', name: 'Phone', createdAt: at, synced: true, removable: true },
      ],
      sessions: [
        {
          id: 's1',
          kind: 'browser',
          name: 'Chromium',
          createdAt: at,
          lastSeenAt: at,
          address: '192.0.2.1',
          current: true,
        },
      ],
    }),
  ],
  ['landing', '<!doctype html><title>landed</title>'],
])

const random = () => randomBytes(16).toString('base64url')
const userHandle = random()

function creationOptions(exclude: readonly string[] = []) {
  return {
    json: {
      rp: { id: 'localhost', name: 'Proofgate' },
      user: { id: userHandle, name: 'ada', displayName: 'Ada' },
      challenge: random(),
      pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      excludeCredentials: exclude.map((id) => ({ type: 'public-key', id })),
    },
  }
}

function requestOptions(rpId = 'localhost') {
  return { json: { rpId, challenge: random(), userVerification: 'required' } }
}

function problem(status: number, code: string) {
  return { status, json: { type: 'about:blank', title: 'no', status, code, requestId: 'req-7' } }
}

const path = {
  registrationOptions: `${base}/webauthn/registration/options`,
  registrationVerify: `${base}/webauthn/registration/verify`,
  options: `${base}/webauthn/authentication/options`,
  verify: `${base}/webauthn/authentication/verify`,
}

/** A server whose pages live under the mount path, with endpoints that say yes. */
async function start(): Promise<PageServer> {
  const server = await servePages(pages)
  for (const [name, answer] of [
    [path.registrationOptions, () => creationOptions()],
    [path.registrationVerify, { json: { credentialId: 'k9' } }],
    [path.options, () => requestOptions()],
    [path.verify, { json: { redirect: '/landing' } }],
  ] as const) {
    server.replies.set(name, answer)
  }
  return server
}

/** Makes a passkey with the persona's authenticator, outside the pages under test. */
async function givePasskey(ada: Persona, server: PageServer): Promise<string> {
  await ada.page.goto(`${server.origin}/landing`)
  await ada.page.evaluate(async (json) => {
    const { PublicKeyCredential, navigator } = globalThis as any
    await navigator.credentials.create({
      publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(json),
    })
  }, creationOptions().json)
  const [credential] = await ada.authenticator.credentials()
  return Buffer.from(credential!.credentialId, 'base64').toString('base64url')
}

const bodies = (server: PageServer, wanted: string) =>
  server.seen.filter((seen) => seen.path === wanted).map((seen) => seen.body)

async function says(page: Page, text: string): Promise<void> {
  await page.locator('#status', { hasText: text }).waitFor()
}

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })

test('signing in', async (t) => {
  await withBrowser(async ({ newPersona }) => {
    await t.test('works by the button, and sends returnTo with the answer', async () => {
      await using server = await start()
      const ada = await newPersona()
      await withoutAutofill(ada.page)
      const id = await givePasskey(ada, server)
      await ada.page.goto(`${server.origin}/sign-in`)
      await button(ada.page, english.signIn.button).click()
      await ada.page.waitForURL('**/landing')
      const [answer] = bodies(server, path.verify).map((body) => JSON.parse(body))
      assert.equal(answer.id, id)
      assert.equal(answer.returnTo, '/orders?x=1')
      assert.equal(answer.response.userHandle, userHandle)
      assert.deepEqual(bodies(server, path.options), ['{"purpose":"sign-in"}'])
      assert.deepEqual(ada.errors, [])
      await ada.close()
    })

    await t.test('works by the offer in the field, without a click', async () => {
      await using server = await start()
      const ada = await newPersona()
      await givePasskey(ada, server)
      await ada.page.goto(`${server.origin}/sign-in`)
      await ada.page.waitForURL('**/landing')
      assert.equal(bodies(server, path.verify).length, 1)
      await ada.close()
    })

    await t.test('takes the offer back before the button asks', async () => {
      await using server = await start()
      const ada = await newPersona()
      await ada.page.addInitScript(() => {
        const { navigator, console } = globalThis as any
        const original = navigator.credentials.get.bind(navigator.credentials)
        navigator.credentials.get = (options: any) => {
          console.log(`asked ${options.mediation}`)
          options.signal.addEventListener('abort', () =>
            console.log(`aborted ${options.mediation}`),
          )
          return original(options)
        }
      })
      const log: string[] = []
      ada.page.on('console', (message) => {
        if (message.type() === 'log') log.push(message.text())
      })
      await Promise.all([
        ada.page.waitForEvent('console', (message) => message.text() === 'asked conditional'),
        ada.page.goto(`${server.origin}/sign-in`),
      ])
      await button(ada.page, english.signIn.button).click()
      await says(ada.page, english.ceremony.cancelled)
      assert.deepEqual(log.slice(0, 3), [
        'asked conditional',
        'aborted conditional',
        'asked optional',
      ])
      await ada.close()
    })

    await t.test('does not let a late offer end what the button began', async () => {
      await using server = await start()
      const ada = await newPersona()
      await ada.page.addInitScript(() => {
        const scope = globalThis as any
        scope.PublicKeyCredential.isConditionalMediationAvailable = () =>
          new Promise((resolve) => {
            scope.letOffer = () => resolve(true)
          })
      })
      await givePasskey(ada, server)
      const begun = Promise.withResolvers<void>()
      const held = Promise.withResolvers<void>()
      await ada.page.route('**/authentication/options', async (route) => {
        begun.resolve()
        await held.promise
        await route.continue()
      })
      await ada.page.goto(`${server.origin}/sign-in`)
      await button(ada.page, english.signIn.button).click()
      await begun.promise
      await ada.page.evaluate(() => (globalThis as any).letOffer())
      held.resolve()
      await ada.page.waitForURL('**/landing')
      assert.deepEqual(bodies(server, path.options), ['{"purpose":"sign-in"}'])
      await ada.close()
    })

    await t.test('asks once when the button is pressed twice', async () => {
      await using server = await start()
      const ada = await newPersona()
      await withoutAutofill(ada.page)
      await givePasskey(ada, server)
      await ada.page.goto(`${server.origin}/sign-in`)
      await ada.page.evaluate(() => {
        const pressed = (globalThis as any).document.querySelector('#sign-in button')
        pressed.click()
        pressed.click()
      })
      await ada.page.waitForURL('**/landing')
      assert.equal(bodies(server, path.options).length, 1)
      await ada.close()
    })

    await t.test('says that nothing happened when the person does not go through', async () => {
      await using server = await start()
      const ada = await newPersona()
      await withoutAutofill(ada.page)
      await givePasskey(ada, server)
      await ada.authenticator.answer({ verified: false })
      await ada.page.goto(`${server.origin}/sign-in`)
      await button(ada.page, english.signIn.button).click()
      await says(ada.page, english.ceremony.cancelled)
      assert.equal(bodies(server, path.verify).length, 0)
      await ada.authenticator.answer({ verified: true })
      await button(ada.page, english.signIn.button).click()
      await ada.page.waitForURL('**/landing')
      await ada.close()
    })

    await t.test('says that the site is wrong when the passkey belongs elsewhere', async () => {
      await using server = await start()
      server.replies.set(path.options, () => requestOptions('elsewhere.example'))
      const ada = await newPersona()
      await ada.page.goto(`${server.origin}/sign-in`)
      await button(ada.page, english.signIn.button).click()
      await says(ada.page, english.ceremony.wrongSite)
      await ada.close()
    })

    await t.test('says that the browser is too old, at once and on the button', async () => {
      await using server = await start()
      const ada = await newPersona()
      await ada.page.addInitScript(() => {
        delete (globalThis as any).PublicKeyCredential.parseRequestOptionsFromJSON
      })
      await ada.page.goto(`${server.origin}/sign-in`)
      await says(ada.page, english.ceremony.unsupported)
      await button(ada.page, english.signIn.button).click()
      await says(ada.page, english.ceremony.unsupported)
      assert.deepEqual(server.seen, [])
      await ada.close()
    })

    for (const [status, code, text] of [
      [403, 'webauthn.not_accepted', english.ceremony.failed],
      [429, 'throttle.limited', english.ceremony.limited],
      [503, 'webauthn.unavailable', english.ceremony.unavailable],
    ] as const) {
      await t.test(`tells a ${status} from other failures and names the request`, async () => {
        await using server = await start()
        server.replies.set(path.verify, problem(status, code))
        const ada = await newPersona()
        await givePasskey(ada, server)
        await ada.page.goto(`${server.origin}/sign-in`)
        await says(ada.page, `${text} ${english.ceremony.reference} req-7`)
        assert.equal(ada.page.url(), `${server.origin}/sign-in`)
        await ada.close()
      })
    }

    await t.test('says that the server cannot be reached', async () => {
      await using server = await start()
      const ada = await newPersona()
      await ada.page.goto(`${server.origin}/sign-in`)
      await ada.page.route('**/webauthn/**', (route) => route.abort())
      await button(ada.page, english.signIn.button).click()
      await says(ada.page, english.ceremony.offline)
      await ada.close()
    })

    await t.test('without scripts says what is missing', async () => {
      await using server = await start()
      const ada = await newPersona({ authenticator: false, context: { javaScriptEnabled: false } })
      await ada.page.goto(`${server.origin}/sign-in`)
      const words = ada.page.locator('noscript p')
      await words.waitFor()
      assert.equal(await words.textContent(), english.noScript)
      await ada.close()
    })
  })
})

test('every outcome has a text of its own', () => {
  const { cancelled, unsupported, failed, wrongSite, limited, unavailable, offline } =
    english.ceremony
  const texts = [cancelled, unsupported, failed, wrongSite, limited, unavailable, offline]
  assert.equal(new Set([...texts, english.enrol.exists, english.enrol.spent]).size, 9)
})

test('enrolling', async (t) => {
  await withBrowser(async ({ newPersona }) => {
    await t.test('goes by touch, name and a second key to the account', async () => {
      await using server = await start()
      server.replies.set(path.registrationVerify, {
        json: { credentialId: 'k/9', csrf: 'c-new', redirect: '/landing' },
      })
      server.replies.set(`${base}/account/credentials/k%2F9/rename`, { json: { ok: true } })
      const ada = await newPersona()
      await ada.page.goto(`${server.origin}/ticket`)
      await button(ada.page, english.enrol.create).click()
      await says(ada.page, english.enrol.created)
      assert.equal(
        await ada.page.evaluate(() => (globalThis as any).document.activeElement.textContent),
        english.enrol.nameHeading,
      )
      await ada.page.getByLabel(english.enrol.nameLabel).fill('  Blue key ')
      await ada.page.keyboard.press('Enter')
      await says(ada.page, english.enrol.named)
      const current = ada.page.locator('[aria-current=step]')
      assert.equal(await current.textContent(), english.enrol.stepSecond)
      await ada.authenticator.remove()
      await ada.addAuthenticator(ada.page, { transport: 'usb' })
      await button(ada.page, english.enrol.second).click()
      await says(ada.page, english.enrol.created)
      await ada.page.getByLabel(english.enrol.nameLabel).fill('Spare key')
      await button(ada.page, english.enrol.save).click()
      await ada.page.waitForURL('**/landing')
      assert.deepEqual(bodies(server, path.registrationOptions), ['{"ticket":"tkt-1"}', '{}'])
      assert.deepEqual(bodies(server, `${base}/account/credentials/k%2F9/rename`), [
        'csrf=c-new&name=Blue+key',
        'csrf=c-new&name=Spare+key',
      ])
      assert.deepEqual(ada.errors, [])
      await ada.close()
    })

    await t.test('lets name and second key be skipped', async () => {
      await using server = await start()
      server.replies.set(path.registrationVerify, {
        json: { credentialId: 'k9', redirect: '/landing' },
      })
      const ada = await newPersona()
      await ada.page.goto(`${server.origin}/ticket`)
      await button(ada.page, english.enrol.create).click()
      const skip = ada.page.getByRole('link', { name: english.enrol.skip })
      await skip.click()
      await ada.page.getByRole('heading', { name: english.enrol.secondHeading }).waitFor()
      await skip.click()
      await ada.page.waitForURL('**/landing')
      assert.equal(bodies(server, path.registrationVerify).length, 1)
      await ada.close()
    })

    await t.test('stays on the name when it could not be saved', async () => {
      await using server = await start()
      server.replies.set(`${base}/account/credentials/k9/rename`, problem(403, 'login.forged'))
      const ada = await newPersona()
      await ada.page.goto(`${server.origin}/ticket`)
      await button(ada.page, english.enrol.create).click()
      await ada.page.getByLabel(english.enrol.nameLabel).fill('Blue key')
      await button(ada.page, english.enrol.save).click()
      await says(ada.page, english.enrol.notNamed)
      await ada.page.getByRole('heading', { name: english.enrol.nameHeading }).waitFor()
      await ada.close()
    })

    await t.test('says that a link was used', async () => {
      await using server = await start()
      server.replies.set(path.registrationOptions, problem(403, 'identity.ticket_spent'))
      const ada = await newPersona()
      await ada.page.goto(`${server.origin}/ticket`)
      await button(ada.page, english.enrol.create).click()
      await says(ada.page, english.enrol.spent)
      assert.deepEqual(await ada.authenticator.credentials(), [])
      await ada.close()
    })

    await t.test('says that the device already holds a passkey', async () => {
      await using server = await start()
      const ada = await newPersona()
      const id = await givePasskey(ada, server)
      server.replies.set(path.registrationOptions, () => creationOptions([id]))
      await ada.page.goto(`${server.origin}/ticket`)
      await button(ada.page, english.enrol.create).click()
      await says(ada.page, english.enrol.exists)
      await ada.close()
    })

    await t.test('of a signed-in person asks for a fresh proof first', async () => {
      await using server = await start()
      const ada = await newPersona()
      await givePasskey(ada, server)
      let proven = false
      server.replies.set(path.verify, () => {
        proven = true
        return { json: {} }
      })
      server.replies.set(path.registrationOptions, () =>
        proven ? creationOptions() : problem(403, 'login.proof_required'),
      )
      await ada.page.goto(`${server.origin}/more`)
      await button(ada.page, english.enrol.create).click()
      await says(ada.page, english.enrol.created)
      assert.deepEqual(bodies(server, path.options), ['{"purpose":"confirm"}'])
      assert.equal(JSON.parse(bodies(server, path.verify)[0]!).returnTo, undefined)
      assert.equal(bodies(server, path.registrationOptions).length, 2)
      await ada.close()
    })

    await t.test('stops when the fresh proof is not given', async () => {
      await using server = await start()
      server.replies.set(path.registrationOptions, problem(403, 'login.proof_required'))
      const ada = await newPersona()
      await givePasskey(ada, server)
      await ada.authenticator.answer({ verified: false })
      await ada.page.goto(`${server.origin}/more`)
      await button(ada.page, english.enrol.create).click()
      await says(ada.page, english.ceremony.cancelled)
      assert.equal(bodies(server, path.registrationOptions).length, 1)
      await ada.close()
    })
  })
})

test('the account page', async (t) => {
  const rename = `${base}/account/credentials/k1/rename`
  const remove = `${base}/account/credentials/k1/remove`
  const end = `${base}/account/sessions/s1/end`
  const formType = 'application/x-www-form-urlencoded;charset=UTF-8'

  await withBrowser(async ({ newPersona }) => {
    /** Opens a fold of the first passkey and presses a button in it. */
    const press = async (page: Page, fold: string, name: string) => {
      await page.locator('summary', { hasText: fold }).first().click()
      await button(page, name).first().click()
    }

    await t.test('renames by fetch and takes a JSON answer', async () => {
      await using server = await start()
      server.replies.set(rename, { json: { ok: true, redirect: '/landing' } })
      const ada = await newPersona()
      await ada.page.goto(`${server.origin}/account`)
      await ada.page.locator('summary', { hasText: english.account.rename }).first().click()
      await ada.page.getByLabel(english.account.newName).first().fill('Red & green key')
      await ada.page.keyboard.press('Enter')
      await ada.page.waitForURL('**/landing')
      const { method, body, headers } = server.seen[0] as Seen
      assert.deepEqual(
        { method, body, accept: headers.accept, type: headers['content-type'] },
        {
          method: 'POST',
          body: 'csrf=c-1&name=Red+%26+green+key',
          accept: 'application/json',
          type: formType,
        },
      )
      await ada.close()
    })

    await t.test('removes after a fresh proof and tells the keeper of passkeys', async () => {
      await using server = await start()
      const ada = await newPersona()
      await givePasskey(ada, server)
      let proven = false
      server.replies.set(path.verify, () => {
        proven = true
        return { json: {} }
      })
      server.replies.set(remove, () =>
        proven
          ? { json: { ok: true, signal: { rpId: 'localhost', userHandle, credentialIds: [] } } }
          : problem(403, 'login.proof_required'),
      )
      await ada.page.addInitScript(() => {
        const scope = globalThis as any
        for (const name of ['signalAllAcceptedCredentials', 'signalCurrentUserDetails']) {
          const original = scope.PublicKeyCredential[name]
          scope.PublicKeyCredential[name] = (options: unknown) => {
            scope.console.log(JSON.stringify([name, options]))
            return original.call(scope.PublicKeyCredential, options)
          }
        }
      })
      const signals: unknown[] = []
      ada.page.on('console', (message) => {
        if (message.type() === 'log') signals.push(JSON.parse(message.text()))
      })
      await ada.page.goto(`${server.origin}/account`)
      const reloaded = ada.page.waitForNavigation()
      await press(ada.page, english.account.remove, english.account.removeConfirm)
      await reloaded
      assert.deepEqual(bodies(server, path.options), ['{"purpose":"confirm"}'])
      const body = 'csrf=c-1&name=Blue+key'
      assert.deepEqual(bodies(server, remove), [body, body])
      const who = { rpId: 'localhost', userId: userHandle }
      assert.deepEqual(signals, [
        ['signalAllAcceptedCredentials', { ...who, allAcceptedCredentialIds: [] }],
        ['signalCurrentUserDetails', { ...who, name: 'ada', displayName: 'Ada Example' }],
      ])
      assert.deepEqual(await ada.authenticator.credentials(), [])
      await ada.close()
    })

    await t.test('changes nothing when the browser cannot signal', async () => {
      await using server = await start()
      server.replies.set(remove, {
        json: { ok: true, redirect: '/landing', signal: { rpId: 'wrong.example' } },
      })
      const ada = await newPersona()
      await ada.page.addInitScript(() => {
        delete (globalThis as any).PublicKeyCredential.signalAllAcceptedCredentials
      })
      await ada.page.goto(`${server.origin}/account`)
      await press(ada.page, english.account.remove, english.account.removeConfirm)
      await ada.page.waitForURL('**/landing')
      await ada.close()
    })

    await t.test('says that a form was refused', async () => {
      await using server = await start()
      server.replies.set(remove, problem(409, 'identity.last_credential'))
      const ada = await newPersona()
      await ada.page.goto(`${server.origin}/account`)
      await press(ada.page, english.account.remove, english.account.removeConfirm)
      await says(ada.page, english.account.refused)
      await ada.close()
    })

    await t.test('goes to sign-in when the session is gone', async () => {
      await using server = await start()
      server.replies.set(end, problem(401, 'session.unknown'))
      server.replies.set(`${base}/sign-in`, { to: '/landing' })
      const ada = await newPersona()
      await ada.page.goto(`${server.origin}/account`)
      await ada.page.getByRole('button', { name: 'End session Chromium' }).click()
      await ada.page.waitForURL('**/landing')
      await ada.close()
    })

    await t.test('works without scripts', async () => {
      await using server = await start()
      for (const action of [rename, remove, end, `${base}/account/sessions/end-all`]) {
        server.replies.set(action, { to: '/account' })
      }
      server.replies.set(`${base}/sign-out`, { to: '/landing' })
      const ada = await newPersona({ authenticator: false, context: { javaScriptEnabled: false } })
      await ada.page.goto(`${server.origin}/account`)
      /** Each form leads to a page of its own, which has to be there before the next is filled in. */
      const submitting = async (act: () => Promise<void>): Promise<void> => {
        const loaded = ada.page.waitForEvent('load')
        await act()
        await loaded
      }
      await submitting(() => press(ada.page, english.account.rename, english.account.save))
      await submitting(() => press(ada.page, english.account.remove, english.account.removeConfirm))
      await submitting(() => ada.page.getByRole('button', { name: 'End session Chromium' }).click())
      await submitting(() => button(ada.page, english.account.endAll).click())
      await button(ada.page, english.account.signOut).click()
      await ada.page.waitForURL('**/landing')
      assert.deepEqual(
        server.seen.map((seen) => `${seen.path.slice(base.length)} ${seen.body}`),
        [
          '/account/credentials/k1/rename csrf=c-1&name=Blue+key',
          '/account/credentials/k1/remove csrf=c-1&name=Blue+key',
          '/account/sessions/s1/end csrf=c-1',
          '/account/sessions/end-all csrf=c-1',
          '/sign-out csrf=c-1',
        ],
      )
      await ada.close()
    })
  })
})

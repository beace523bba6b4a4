import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  administer,
  enrolled,
  eventually,
  houseText,
  invite,
  startHouse,
  startRecorder,
} from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import { configurationFile, proofgate, startGateway, temporaryDirectory } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import { SoftPerson } from '../kit/person.ts'
import { freePort } from '../kit/ports.ts'
import { assertSigned, Listener, secretFile, webhookSecret } from '../kit/told.ts'

interface Report {
  readonly name: string
  readonly state: string
  readonly problem: string | null
}

describe('webhooks', { timeout: 300_000 }, () => {
  let recorder: Recorder
  const secret = webhookSecret()
  const file = secretFile(secret)
  const started: GatewayProcess[] = []
  const listeners: Listener[] = []

  before(async () => {
    recorder = await startRecorder()
  })
  after(async () => {
    for (const gateway of started) await gateway.kill()
    for (const listener of listeners) listener.close()
    recorder.close()
  })

  async function listening(): Promise<{ listener: Listener; url: string }> {
    const listener = new Listener()
    listeners.push(listener)
    return { listener, url: await listener.listen() }
  }

  const entry = (name: string, url: string, more = ''): string =>
    `  - { name: ${name}, url: '${url}', secretFile: '${file}'${more} }\n`

  async function house(text: string, more: object = {}): Promise<GatewayProcess> {
    const gateway = await startHouse(recorder, { text: `webhooks:\n${text}`, ...more })
    started.push(gateway)
    return gateway
  }

  async function reportOf(gateway: GatewayProcess, name: string): Promise<Report | undefined> {
    const answer = await administer(gateway, 'GET', '/v1/signals')
    return (answer.json().signals as Report[]).find((one) => one.name === name)
  }

  test('tell what happened, in order, signed, and without anything secret', async () => {
    const { listener, url } = await listening()
    const gateway = await house(entry('siem', `${url}/in?from=proofgate`))
    const alice = await enrolled(gateway, 'alice')
    await administer(gateway, 'POST', '/v1/people/alice/sessions/end')
    await administer(gateway, 'POST', '/v1/people/bob/disable')
    const wanted = [
      'person.invited',
      'credential.registered',
      'session.all_ended',
      'person.disabled',
    ]
    assert.ok(await eventually(() => listener.heard.length >= 4))
    assert.deepEqual(listener.types, wanted)
    for (const heard of listener.heard) {
      assertSigned(heard, secret)
      assert.equal(heard.url, '/in?from=proofgate')
      assert.equal(heard.headers['content-type'], 'application/json')
      assert.ok(!heard.body.includes(secret))
    }
    const [invited, registered] = listener.told
    assert.equal(invited?.subject?.username, 'alice')
    assert.equal(invited?.initiatedBy, 'admin')
    assert.equal(registered?.subject?.id, invited?.subject?.id)
    assert.equal(registered?.initiatedBy, 'user')
    assert.equal(registered?.data['credential'], alice.authenticator.credentials[0]?.id)
    assert.equal(new Set(listener.told.map(({ id }) => id)).size, 4)
    await gateway.stop()
    assert.ok(!gateway.errors().includes(secret))
  })

  test('tell only what they are for', async () => {
    const { listener, url } = await listening()
    const gateway = await house(entry('hr', url, ", events: ['person.disabled']"))
    await enrolled(gateway, 'alice')
    await administer(gateway, 'POST', '/v1/people/bob/disable')
    assert.ok(await eventually(() => listener.heard.length > 0))
    assert.deepEqual(listener.types, ['person.disabled'])
    const described = await call(`${gateway.issuer}/.well-known/ssf-configuration`)
    assert.equal(described.status, 404, 'there are no receivers of shared signals')
    await gateway.stop()
  })

  test('lose nothing over a receiver that fails and a gateway that is killed', async () => {
    const { listener, url } = await listening()
    const port = await freePort()
    const text = entry('siem', url)
    const first = await house(text, { port })
    listener.answer = (response) => response.writeHead(500).end('no')
    await invite(first, 'alice')
    await administer(first, 'POST', '/v1/people/bob/disable')
    assert.ok(await eventually(() => listener.heard.length >= 2))
    // Nothing overtakes what could not be told.
    assert.deepEqual([...new Set(listener.types)], ['person.invited'])
    await first.kill()
    const { dataDirectory } = first
    const second = await house(text, { port, dataDirectory })
    await administer(second, 'POST', '/v1/people/bob/enable')
    listener.answer = (response) => response.writeHead(200).end()
    const ended = (): boolean => listener.types.includes('person.enabled')
    assert.ok(await eventually(ended), JSON.stringify(await reportOf(second, 'siem')))
    const inOrder = ['person.invited', 'person.disabled', 'configuration.changed', 'person.enabled']
    assert.deepEqual([...new Set(listener.types)], inOrder)
    const ids = new Map(listener.told.map(({ type, id }) => [type, id]))
    for (const { type, id } of listener.told)
      assert.equal(id, ids.get(type), 'told again as itself')
    await second.stop()
  })

  test('park a receiver that fails for too long, and hold up nobody else', async () => {
    const good = await listening()
    const bad = new Map<string, Listener>()
    let text = entry('good', good.url)
    for (const [what, answer] of Object.entries(hostile)) {
      const { listener, url } = await listening()
      listener.answer = answer
      bad.set(what, listener)
      // Only who is slow runs into a limit, whatever this process is kept busy with.
      text += entry(what, url, `, timeout: ${what === 'slow' ? '1s' : '20s'}, giveUpAfter: 1s`)
    }
    const gateway = await house(text)
    await administer(gateway, 'POST', '/v1/people/bob/disable')
    assert.ok(await eventually(() => good.listener.types.includes('person.disabled')))
    const metrics = async (): Promise<string> => (await call(`${gateway.admin}/metrics`)).text
    for (const [what, listener] of bad) {
      const isParked = async (): Promise<boolean> =>
        (await reportOf(gateway, what))?.state === 'parked'
      assert.ok(await eventually(isParked), JSON.stringify(await reportOf(gateway, what)))
      assert.ok(listener.heard.every(({ url }) => url === '/'))
      assert.match(await metrics(), new RegExp(`signal_parked\\{to="webhook/${what}"\\} 1`))
    }
    assert.match(await metrics(), /signal_parked\{to="webhook\/good"\} 0/)
    const status = await administer(gateway, 'GET', '/v1/status')
    assert.match(status.text, /"webhook slow":"parked: no answer in time"/)
    assert.match(status.text, /"webhook redirecting":"parked: it answered 307, and redirects/)
    const data = ['--data-dir', gateway.dataDirectory]
    for (const [what, listener] of bad) {
      const before = listener.heard.length
      listener.answer = (response) => response.writeHead(200).end()
      if (what === 'slow') {
        const retried = await proofgate(['webhooks', 'retry', what, ...data])
        assert.equal(retried.code, 0, retried.stderr)
      } else await administer(gateway, 'POST', `/v1/signals/webhook/${what}/retry`)
      assert.ok(await eventually(() => listener.heard.length > before))
      assert.equal(listener.types.at(-1), 'person.disabled')
      const goes = async (): Promise<boolean> =>
        (await reportOf(gateway, what))?.state === 'current'
      assert.ok(await eventually(goes))
    }
    assert.equal(await gateway.stop(), 0)
  })

  test('tell of a passkey in a kind of browser that is new for its owner, once', async () => {
    const { listener, url } = await listening()
    const gateway = await house(
      entry('desk', url, ", events: ['session.new_device', 'keys.rotated']"),
    )
    const linux = 'Mozilla/5.0 (X11; Linux x86_64) Chrome/150.0'
    const alice = new SoftPerson(gateway)
    alice.client.headers = { 'user-agent': linux }
    await alice.enrolByLink(await invite(gateway, 'alice'))
    const again = new SoftPerson(gateway, alice.authenticator)
    again.client.headers = { 'user-agent': linux.replace('150', '151') }
    assert.equal((await again.signIn()).status, 200)
    const phone = new SoftPerson(gateway, alice.authenticator)
    phone.client.headers = { 'user-agent': 'Mozilla/5.0 (iPhone) Safari/605' }
    assert.equal((await phone.signIn()).status, 200)
    assert.equal((await phone.signIn()).status, 200)
    // Whoever is new has no device that anybody knows.
    await enrolled(gateway, 'bob')
    await administer(gateway, 'POST', '/v1/keys/rotate', { algorithm: 'ES256' })
    assert.ok(await eventually(() => listener.types.includes('keys.rotated')))
    assert.deepEqual(listener.types, ['session.new_device', 'keys.rotated'])
    const [device] = listener.told
    assert.equal(device?.subject?.username, 'alice')
    assert.equal(device.data['browser'], 'Safari on iPhone')
    assert.equal(device.data['credential'], alice.authenticator.credentials[0]?.id)
    await gateway.stop()
  })

  test('tell whose passkey or session an administrator ended', async () => {
    const { listener, url } = await listening()
    const gateway = await house(entry('desk', url))
    const alice = await enrolled(gateway, 'alice')
    const credential = alice.authenticator.credentials[0]?.id ?? ''
    await administer(gateway, 'POST', `/v1/credentials/${credential}/suspend`, {
      reason: 'lost',
      last: true,
    })
    await administer(gateway, 'POST', `/v1/credentials/${credential}/restore`)
    assert.equal((await new SoftPerson(gateway, alice.authenticator).signIn()).status, 200)
    const [session] = (await administer(gateway, 'GET', '/v1/sessions')).json().sessions as {
      id: string
    }[]
    await administer(gateway, 'POST', `/v1/sessions/${session?.id ?? ''}/end`)
    await administer(gateway, 'POST', `/v1/credentials/${credential}/remove`, { last: true })
    const wanted = [
      'person.invited',
      'credential.registered',
      'credential.suspended',
      'credential.restored',
      'session.ended',
      'credential.removed',
    ]
    assert.ok(await eventually(() => listener.heard.length >= wanted.length), listener.types.join())
    assert.deepEqual(listener.types, wanted)
    assert.ok(listener.told.every(({ subject }) => subject?.username === 'alice'))
    assert.equal(listener.told[2]?.data['reason'], 'lost')
    assert.deepEqual(listener.told[4]?.data['sessions'], [session?.id])
    const { aaguid, platform } = listener.told[1]?.data ?? {}
    assert.match(String(aaguid), /^[0-9a-f-]{36}$/)
    assert.deepEqual(listener.told[5]?.data, { credential, aaguid, platform })
    await gateway.stop()
  })

  test('leave out an event that cannot be told when they are told to', async () => {
    const { listener, url } = await listening()
    const gateway = await house(entry('siem', url))
    listener.answer = (response, { body }) =>
      response.writeHead(body.includes('person.disabled') ? 422 : 200).end()
    await administer(gateway, 'POST', '/v1/people/bob/disable')
    await administer(gateway, 'POST', '/v1/people/bob/enable')
    assert.ok(await eventually(() => listener.types.includes('person.disabled')))
    await administer(gateway, 'POST', '/v1/signals/webhook/siem/retry', { skip: true })
    assert.ok(await eventually(() => listener.types.includes('person.enabled')))
    await gateway.stop()
  })

  test('the doctor says who was given up, and a server is not needed to go on', async () => {
    const { listener, url } = await listening()
    listener.answer = hostile['gone'] ?? assert.fail()
    const file = configurationFile(houseText(recorder.url, `webhooks:\n${entry('siem', url)}`))
    const dataDirectory = temporaryDirectory()
    const port = await freePort()
    const serve = async (): Promise<GatewayProcess> => {
      const command = ['serve', '--config', file]
      const gateway = await startGateway({ command, dataDirectory, port })
      started.push(gateway)
      return gateway
    }
    const at = ['--config', file, '--data-dir', dataDirectory]
    const first = await serve()
    await administer(first, 'POST', '/v1/people/bob/disable')
    const isParked = async (): Promise<boolean> =>
      (await reportOf(first, 'siem'))?.state === 'parked'
    assert.ok(await eventually(isParked))
    const examined = await proofgate(['doctor', ...at])
    assert.match(examined.stdout, /FAIL +signals: webhook\/siem is told no more: it answered 410/)
    assert.match(examined.stdout, /`proofgate webhooks retry siem`/)
    assert.equal(examined.code, 1)
    await first.stop()
    const listed = await proofgate(['webhooks', 'list', ...at])
    assert.match(listed.stdout, /siem.*parked/)
    assert.equal((await proofgate(['webhooks', 'retry', 'siem', ...at])).code, 0)
    assert.match((await proofgate(['doctor', ...at])).stdout, /ok +signals: nobody was given up/)
    assert.deepEqual(listener.types, ['person.disabled'])
    listener.answer = (response) => response.writeHead(200).end()
    const second = await serve()
    assert.ok(await eventually(() => listener.types.length > 1))
    assert.equal(listener.types[1], 'person.disabled')
    await second.stop()
  })

  test('the command line lists them, tests one and says what is wrong', async () => {
    const { listener, url } = await listening()
    const gateway = await house(entry('siem', `${url}/secret-path`))
    const data = ['--data-dir', gateway.dataDirectory]
    const listed = await proofgate(['webhooks', 'list', ...data])
    assert.match(listed.stdout, /siem +http:\/\/127\.0\.0\.1:\d+ +current/)
    assert.ok(!listed.stdout.includes('secret-path'))
    const tested = await proofgate(['webhooks', 'test', 'siem', ...data])
    assert.equal(tested.code, 0, tested.stderr)
    const [heard] = listener.heard
    assert.ok(heard !== undefined)
    assertSigned(heard, secret)
    assert.deepEqual(listener.types, ['webhook.test'])
    listener.answer = (response) => response.writeHead(503).end()
    const failed = await proofgate(['webhooks', 'test', 'siem', ...data])
    assert.equal(failed.code, 1)
    assert.match(failed.stdout, /not delivered: it answered 503/)
    const unknown = await proofgate(['webhooks', 'test', 'nobody', ...data])
    assert.notEqual(unknown.code, 0)
    assert.match(unknown.stderr, /signals\.unknown_receiver|Nobody of this name/)
    await gateway.stop()
  })
})

/** Receivers that no gateway should have to wait for. */
const hostile: Readonly<Record<string, Listener['answer']>> = {
  slow: () => undefined,
  redirecting: (response, { url }) =>
    url === '/elsewhere'
      ? response.writeHead(200).end()
      : response.writeHead(307, { location: '/elsewhere' }).end(),
  refusing: (response) => response.writeHead(400).end('{"err":"no"}'),
  gone: (response) => response.writeHead(410).end(),
  closing: (response) => response.socket?.destroy(),
  endless: (response) => {
    response.writeHead(500)
    const more = (): void => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    }
    response.on('drain', more)
    more()
  },
}

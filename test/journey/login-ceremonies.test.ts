import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import {
  administer,
  atOnce,
  databaseOf,
  enrolled,
  inDatabase,
  invite,
  startHouse,
  startRecorder,
} from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { Client } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import { SoftPerson } from '../kit/person.ts'
import { SoftAuthenticator } from '../kit/soft-authenticator.ts'
import type {
  AuthenticationHooks,
  CeremonyHooks,
  RegistrationHooks,
} from '../kit/soft-authenticator.ts'

let recorder: Recorder
let gateway: GatewayProcess
let alice: SoftPerson
let bob: SoftPerson

before(async () => {
  recorder = await startRecorder()
  gateway = await startHouse(recorder)
  for (const username of ['carol', 'dave', 'erin']) {
    await administer(gateway, 'POST', '/v1/people', { username })
  }
  alice = await enrolled(gateway, 'alice')
  bob = await enrolled(gateway, 'bob')
})
after(async () => {
  await gateway.stop()
  recorder.close()
})

type Kind = 'registration' | 'authentication'

function options(client: Client, kind: Kind, body: object): Promise<Answer> {
  return client.post(`${gateway.identity}/webauthn/${kind}/options`, body)
}

function verify(client: Client, kind: Kind, body: unknown): Promise<Answer> {
  return client.post(`${gateway.identity}/webauthn/${kind}/verify`, body)
}

function refused(answer: Answer, status: number, code?: string): void {
  assert.equal(answer.status, status, answer.text)
  if (code !== undefined) assert.equal(answer.json().code, code)
  holdsNothing(answer)
}

/** A no gives no session; what it may set is the secret that binds the next try to this browser. */
function holdsNothing(answer: Answer): void {
  for (const line of answer.headers['set-cookie'] ?? []) assert.match(line, /^pg_ceremony=/)
}

function rejected(answer: Answer, what = ''): void {
  assert.ok([400, 401, 403].includes(answer.status), `${what} ${answer.status} ${answer.text}`)
  holdsNothing(answer)
}

async function ticketFor(username: string): Promise<string> {
  const link = await invite(gateway, username)
  return link.slice(link.lastIndexOf('/') + 1)
}

async function credentialsOf(username: string): Promise<{ id: string }[]> {
  const answer = await administer(gateway, 'GET', `/v1/people/${username}/credentials`)
  return answer.json().credentials
}

/** Begins an enrolment of carol with a link, in a fresh browser, and answers what was asked. */
async function beginEnrolment(): Promise<{
  client: Client
  asked: any
  device: SoftAuthenticator
}> {
  const client = new Client()
  const answer = await options(client, 'registration', { ticket: await ticketFor('carol') })
  assert.equal(answer.status, 200, answer.text)
  return { client, asked: answer.json(), device: new SoftAuthenticator() }
}

async function beginSignIn(): Promise<{ client: Client; asked: any }> {
  const client = new Client()
  const answer = await options(client, 'authentication', { purpose: 'sign-in' })
  assert.equal(answer.status, 200, answer.text)
  return { client, asked: answer.json() }
}

/** A key of alice that may be spoilt. */
async function spareKey(): Promise<SoftAuthenticator> {
  const device = new SoftAuthenticator()
  const person = new SoftPerson(gateway, alice.authenticator)
  await person.signIn()
  const asked = await options(person.client, 'registration', {})
  const response = device.create(asked.json(), { origin: alice.origin })
  assert.equal((await verify(person.client, 'registration', response)).status, 200)
  return device
}

const hostOf = (): string => new URL(gateway.identity).host

const foreignOrigins = (): readonly string[] => [
  'https://evil.example',
  `https://${hostOf()}`,
  `http://${hostOf()}.evil.example`,
  `http://auth.proofgate.localhost:1`,
  `http://sub.${hostOf()}`,
  `http://api.${hostOf().slice(5)}`,
  'null',
  `http://${hostOf().toUpperCase()}`,
  '',
]

const sharedFaults: Readonly<Record<string, Partial<CeremonyHooks>>> = {
  'the hash of another relying party': {
    rpIdHash: createHash('sha256').update('evil.example').digest(),
  },
  'no user presence': { flags: (flags) => flags & ~0x01 },
  'no user verification': { flags: (flags) => flags & ~0x04 },
  'a backup of a key that cannot be backed up': { flags: (flags) => (flags & ~0x08) | 0x10 },
  'an extension flag without extension bytes': { flags: (flags) => flags | 0x80 },
  'a byte after its end': {
    authenticatorData: (bytes) => Buffer.concat([bytes, Buffer.from([0])]),
  },
  'a page framed by another origin': {
    clientData: (members) => ({ ...members, crossOrigin: true }),
  },
  'another challenge': {
    clientData: (members) => ({ ...members, challenge: randomBytes(32).toString('base64url') }),
  },
  'no challenge': { clientData: (members) => ({ ...members, challenge: undefined }) },
}

describe('enrolling', () => {
  const enrolWith = async (hooks: Partial<RegistrationHooks>): Promise<Answer> => {
    const { client, asked, device } = await beginEnrolment()
    const response = device.create(asked, { origin: alice.origin, ...hooks })
    return verify(client, 'registration', response)
  }

  for (const [what, hooks] of Object.entries(sharedFaults)) {
    test(`with ${what} is refused and nothing is kept`, async () => {
      refused(await enrolWith(hooks), 400)
      assert.deepEqual(await credentialsOf('carol'), [])
    })
  }

  test('with the wrong type, no attested key, or another id inside is refused', async () => {
    for (const hooks of [
      { clientData: (members: object) => ({ ...members, type: 'webauthn.get' }) },
      { flags: (flags: number) => flags & ~0x40 },
      { attestedCredentialId: randomBytes(32) },
      { response: (json: any) => ({ ...json, id: 'AAAA' }) },
      { response: (json: any) => ({ ...json, type: 'password' }) },
      { format: 'unknown-format' },
    ]) {
      refused(await enrolWith(hooks), 400)
    }
    assert.deepEqual(await credentialsOf('carol'), [])
  })

  test('from a page of another origin is refused', async () => {
    for (const origin of foreignOrigins()) {
      const clientData = (members: object): Record<string, unknown> => ({ ...members, origin })
      refused(await enrolWith({ clientData }), 400)
    }
    assert.deepEqual(await credentialsOf('carol'), [])
  })

  test('an invented model without proof of it is kept as a hint and trusted for nothing', async () => {
    const aaguid = Buffer.from('c5ef55ffad9a4b9fb580adebafe026d0', 'hex')
    const ticket = await ticketFor('dave')
    const dave = new SoftPerson(gateway, new SoftAuthenticator({ aaguid }))
    assert.equal((await dave.enrol(ticket)).status, 200)
    const row = inDatabase(databaseOf(gateway), (database) =>
      database
        .prepare('SELECT attestation_trusted AS trusted FROM credential WHERE aaguid != ?')
        .get('00000000-0000-0000-0000-000000000000'),
    )
    assert.equal(row?.['trusted'], 0)
  })

  test('a challenge is used up by the first answer to it, right or wrong', async () => {
    const { client, asked, device } = await beginEnrolment()
    const wrong = device.create(asked, { origin: 'http://evil.proofgate.localhost' })
    refused(await verify(client, 'registration', wrong), 400)
    const right = device.create({ ...asked, excludeCredentials: [] }, { origin: alice.origin })
    refused(await verify(client, 'registration', right), 400, 'login.ceremony_unknown')
    assert.deepEqual(await credentialsOf('carol'), [])
  })

  test('a challenge of another browser, of nobody, or past its five minutes is refused', async () => {
    const first = await beginEnrolment()
    const response = first.device.create(first.asked, { origin: alice.origin })
    refused(await verify(new Client(), 'registration', response), 400, 'login.ceremony_unknown')
    const second = await beginEnrolment()
    const foreign = second.device.create(
      { ...second.asked, challenge: randomBytes(32).toString('base64url') },
      { origin: alice.origin },
    )
    refused(await verify(second.client, 'registration', foreign), 400, 'login.ceremony_unknown')
    const late = await beginEnrolment()
    inDatabase(databaseOf(gateway), (database) =>
      database.exec('UPDATE ceremony SET expires_at = 1 WHERE taken_at IS NULL'),
    )
    const answer = late.device.create(late.asked, { origin: alice.origin })
    refused(await verify(late.client, 'registration', answer), 400, 'login.ceremony_unknown')
    assert.deepEqual(await credentialsOf('carol'), [])
  })

  test('a challenge for signing in or confirming does not enrol, nor the other way round', async () => {
    for (const purpose of ['sign-in', 'confirm']) {
      const asked = await options(alice.client, 'authentication', { purpose })
      const { challenge } = asked.json()
      const creation = await options(alice.client, 'registration', {})
      const device = new SoftAuthenticator()
      const response = device.create({ ...creation.json(), challenge }, { origin: alice.origin })
      refused(await verify(alice.client, 'registration', response), 400, 'login.ceremony_unknown')
    }
    const creation = await options(alice.client, 'registration', {})
    const { challenge, rp } = creation.json()
    const assertion = alice.authenticator.get({ challenge, rpId: rp.id }, { origin: alice.origin })
    refused(await verify(alice.client, 'authentication', assertion), 400, 'login.ceremony_unknown')
    assert.equal((await credentialsOf('alice')).length, 1)
  })

  test('a link works once, also when twenty use it at once in as many browsers', async () => {
    const ticket = await ticketFor('erin')
    const begun = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const client = new Client()
        const asked = (await options(client, 'registration', { ticket })).json()
        return { client, response: new SoftAuthenticator().create(asked, { origin: alice.origin }) }
      }),
    )
    const counts = await atOnce(20, (index) => {
      const one = begun[index]
      assert.ok(one)
      return verify(one.client, 'registration', one.response)
    })
    assert.deepEqual(counts, { 200: 1, 403: 19 })
    assert.equal((await credentialsOf('erin')).length, 1)
    refused(await options(new Client(), 'registration', { ticket }), 403, 'identity.ticket_invalid')
    const page = await new Client().call(`${gateway.identity}/enrol/${ticket}`)
    assert.equal(page.status, 403)
  })

  test('one challenge is registered once by twenty answers at once', async () => {
    const { client, asked, device } = await beginEnrolment()
    const response = device.create(asked, { origin: alice.origin })
    const counts = await atOnce(20, () => verify(client, 'registration', response))
    assert.deepEqual(counts, { 200: 1, 400: 19 })
    assert.equal((await credentialsOf('carol')).length, 1)
  })

  test('a newer link, a disabled account, and fifteen minutes end a link', async () => {
    const older = await ticketFor('carol')
    const newer = await ticketFor('carol')
    refused(await options(new Client(), 'registration', { ticket: older }), 403)
    const begun = await options(new Client(), 'registration', { ticket: newer })
    assert.equal(begun.status, 200)
    const client = new Client()
    const asked = (await options(client, 'registration', { ticket: newer })).json()
    await administer(gateway, 'POST', '/v1/people/carol/disable')
    refused(await options(new Client(), 'registration', { ticket: newer }), 403)
    const response = new SoftAuthenticator().create(asked, { origin: alice.origin })
    refused(await verify(client, 'registration', response), 400)
    assert.equal((await administer(gateway, 'POST', '/v1/people/carol/invite')).status, 403)
    await administer(gateway, 'POST', '/v1/people/carol/enable')
    const latest = await ticketFor('carol')
    const late = new Client()
    const lateAsked = (await options(late, 'registration', { ticket: latest })).json()
    inDatabase(databaseOf(gateway), (database) =>
      database.exec('UPDATE ticket SET expires_at = 1 WHERE taken_at IS NULL'),
    )
    const lateResponse = new SoftAuthenticator().create(lateAsked, { origin: alice.origin })
    refused(await verify(late, 'registration', lateResponse), 403, 'identity.ticket_invalid')
    refused(await options(new Client(), 'registration', { ticket: latest }), 403)
  })

  test('a link of one person is refused in the session of another, at either step', async () => {
    const ticket = await ticketFor('carol')
    refused(await options(bob.client, 'registration', { ticket }), 403, 'login.other_person')
    assert.equal((await bob.client.call(`${gateway.identity}/enrol/${ticket}`)).status, 403)
    const tab = new SoftPerson(gateway, bob.authenticator)
    const asked = await options(tab.client, 'registration', { ticket })
    assert.equal((await tab.signIn()).status, 200)
    const before = (await credentialsOf('carol')).length
    const response = new SoftAuthenticator().create(asked.json(), { origin: alice.origin })
    refused(await verify(tab.client, 'registration', response), 403, 'login.other_person')
    assert.equal((await credentialsOf('carol')).length, before)
  })

  test('guessed links are refused alike, whatever their form', async () => {
    for (const ticket of ['', 'a', 'a'.repeat(43), `${'a'.repeat(42)}=`, 'x'.repeat(5000), '\0']) {
      const answer = await options(new Client(), 'registration', { ticket })
      refused(answer, 403, 'identity.ticket_invalid')
    }
    refused(await options(new Client(), 'registration', {}), 401, 'login.sign_in_required')
    refused(await options(new Client(), 'registration', { ticket: 7 }), 401)
  })

  test('a second key takes a touch from the last minutes, so a stolen cookie adds none', async () => {
    const person = new SoftPerson(gateway, bob.authenticator)
    await person.signIn()
    inDatabase(databaseOf(gateway), (database) =>
      database.exec('UPDATE session SET proved_at = proved_at - 3600000'),
    )
    refused(await options(person.client, 'registration', {}), 403, 'login.proof_required')
    assert.equal((await person.signIn('confirm')).status, 200)
    assert.equal((await options(person.client, 'registration', {})).status, 200)
  })

  test('a key that is registered is not registered again, for anybody', async () => {
    const known = (await credentialsOf('alice'))[0]?.id ?? ''
    const { client, asked, device } = await beginEnrolment()
    const response = device.create(asked, {
      origin: alice.origin,
      attestedCredentialId: Buffer.from(known, 'base64url'),
      response: (json) => ({ ...json, id: known, rawId: known }),
    })
    refused(await verify(client, 'registration', response), 400, 'identity.credential_exists')
  })

  test('the first link is worthless once somebody has a key', async () => {
    const { enrolment } = gateway
    assert.equal(enrolment?.username, 'alice')
    const ticket = enrolment?.link.slice(enrolment.link.lastIndexOf('/') + 1) ?? ''
    assert.equal(Buffer.from(ticket, 'base64url').length, 32)
    refused(await options(new Client(), 'registration', { ticket }), 403)
  })
})

describe('signing in', () => {
  const signInWith = async (
    hooks: Partial<AuthenticationHooks>,
    device = alice.authenticator,
  ): Promise<Answer> => {
    const { client, asked } = await beginSignIn()
    const response = device.get(asked, { origin: alice.origin, ...hooks })
    return verify(client, 'authentication', response)
  }

  for (const [what, hooks] of Object.entries(sharedFaults)) {
    test(`with ${what} is refused`, async () => {
      rejected(await signInWith(hooks))
    })
  }

  test('from a page of another origin is refused', async () => {
    for (const origin of foreignOrigins()) {
      const clientData = (members: object): Record<string, unknown> => ({ ...members, origin })
      rejected(await signInWith({ clientData }), origin)
    }
  })

  test('with a changed backup eligibility, signature, type or user handle is refused', async () => {
    const faults: Partial<AuthenticationHooks>[] = [
      { flags: (flags) => flags | 0x08 },
      { signature: (bytes) => Buffer.from(bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1)) },
      { signature: () => Buffer.alloc(0) },
      { signature: () => randomBytes(72) },
      { clientData: (members) => ({ ...members, type: 'webauthn.create' }) },
      { userHandle: bob.authenticator.credentials[0]?.userHandle ?? '' },
      { userHandle: null },
      { userHandle: randomBytes(32).toString('base64url') },
      { response: (json) => ({ ...json, id: bob.authenticator.credentials[0]?.id }) },
    ]
    for (const hooks of faults) {
      rejected(await signInWith(hooks), String(faults.indexOf(hooks)))
    }
  })

  test('without a signature worth the name is refused', async () => {
    const id = alice.authenticator.credentials[0]?.id ?? ''
    for (const body of [
      {},
      { method: 'passkey' },
      { id, rawId: id, type: 'public-key' },
      { id, rawId: id, type: 'public-key', response: {} },
      { id, rawId: id, type: 'public-key', response: [] },
      { id: [], rawId: {}, type: 'public-key', response: null },
      {
        id,
        rawId: id,
        type: 'public-key',
        response: { clientDataJSON: 'AA', authenticatorData: 'AA', signature: '' },
        clientExtensionResults: {},
      },
    ]) {
      const { client } = await beginSignIn()
      refused(await verify(client, 'authentication', body), 400)
    }
  })

  test('one challenge signs in once, of twenty answers at once', async () => {
    const { client, asked } = await beginSignIn()
    const response = alice.authenticator.get(asked, { origin: alice.origin })
    const counts = await atOnce(20, () => verify(client, 'authentication', response))
    assert.deepEqual(counts, { 200: 1, 400: 19 })
  })

  test('is refused when the key has become another one or its counter went back', async () => {
    const device = await spareKey()
    const counters = [10, 9, 10, 0, 11]
    const statuses: number[] = []
    for (const signCount of counters) {
      statuses.push((await signInWith({ signCount }, device)).status)
    }
    assert.deepEqual(statuses, [200, 403, 403, 403, 200])
  })

  test('two keys pressed at the same time both count, and neither is locked', async () => {
    const device = await spareKey()
    const first = await beginSignIn()
    const second = await beginSignIn()
    const responses = [first, second].map(({ client, asked }) => ({
      client,
      response: device.get(asked, { origin: alice.origin }),
    }))
    await Promise.all(
      responses
        .toReversed()
        .map(({ client, response }) => verify(client, 'authentication', response)),
    )
    const { client, asked } = await beginSignIn()
    const next = device.get(asked, { origin: alice.origin })
    assert.equal((await verify(client, 'authentication', next)).status, 200)
  })

  test('asks the same of everybody: nothing is told of who exists', async () => {
    const { client } = await beginSignIn()
    const plain = await options(client, 'authentication', { purpose: 'sign-in' })
    for (const username of ['alice', 'carol', 'nobody']) {
      const named = await options(client, 'authentication', { purpose: 'sign-in', username })
      const { challenge: _, ...one } = named.json()
      const { challenge: __, ...other } = plain.json()
      assert.deepEqual(one, other)
      assert.deepEqual(one.allowCredentials ?? [], [])
    }
  })

  test('an unknown key, a removed person and a bad signature get one answer', async () => {
    await administer(gateway, 'POST', '/v1/people/dave/disable')
    const known = alice.authenticator.credentials[0]
    const unknown = await signInWith({
      response: (json) => ({ ...json, id: 'AAAA', rawId: 'AAAA' }),
    })
    const bad = await signInWith({ signature: () => randomBytes(70) })
    const handle = await signInWith({ userHandle: randomBytes(32).toString('base64url') })
    assert.ok(known)
    for (const answer of [unknown, bad, handle]) {
      assert.equal(answer.status, unknown.status)
      assert.equal(answer.json().code, unknown.json().code)
      assert.equal(answer.json().title, unknown.json().title)
      assert.deepEqual(Object.keys(answer.headers).sort(), Object.keys(unknown.headers).sort())
    }
  })
})

describe('confirming', () => {
  test('takes a session, and a key of its person', async () => {
    refused(await options(new Client(), 'authentication', { purpose: 'confirm' }), 401)
    const asked = (await options(alice.client, 'authentication', { purpose: 'confirm' })).json()
    assert.ok(asked.allowCredentials.length > 0)
    const foreign = bob.authenticator.get(
      { ...asked, allowCredentials: [] },
      { origin: alice.origin },
    )
    rejected(await verify(alice.client, 'authentication', foreign))
    const again = (await options(alice.client, 'authentication', { purpose: 'confirm' })).json()
    const disguised = bob.authenticator.get(
      { ...again, allowCredentials: [] },
      {
        origin: alice.origin,
        userHandle: alice.authenticator.credentials[0]?.userHandle ?? '',
        response: (json) => ({
          ...json,
          id: again.allowCredentials[0].id,
          rawId: again.allowCredentials[0].id,
        }),
      },
    )
    rejected(await verify(alice.client, 'authentication', disguised))
  })

  test('in one session does not count in another, and is not a way to sign in', async () => {
    const other = new SoftPerson(gateway, alice.authenticator)
    await other.signIn()
    const asked = (await options(alice.client, 'authentication', { purpose: 'confirm' })).json()
    const response = alice.authenticator.get(asked, { origin: alice.origin })
    const binding = alice.client.cookie(gateway.identity, 'pg_ceremony') ?? ''
    other.client.setCookie(gateway.identity, 'pg_ceremony', binding)
    refused(await verify(other.client, 'authentication', response), 400, 'login.ceremony_unknown')
    const nobody = new Client()
    const next = (await options(alice.client, 'authentication', { purpose: 'confirm' })).json()
    nobody.setCookie(gateway.identity, 'pg_ceremony', binding)
    const stolen = alice.authenticator.get(next, { origin: alice.origin })
    refused(await verify(nobody, 'authentication', stolen), 400, 'login.ceremony_unknown')
  })

  test('a purpose that is none is refused', async () => {
    for (const purpose of ['register', 'approve', '', 7, ['sign-in'], { a: 1 }]) {
      refused(await options(alice.client, 'authentication', { purpose }), 400)
    }
  })
})

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { isRefusal, millis, systemClock } from '../../src/core/index.ts'
import type { CredentialStore, PersonStore } from '../../src/identity/index.ts'
import { readRecords } from '../../src/audit/index.ts'
import { Proofs, replayTouch } from '../../src/proof/index.ts'
import type { Approvers, OpenedProof } from '../../src/proof/index.ts'
import { Database, sqliteCredentials, sqlitePeople, sqliteProofs } from '../../src/storage/index.ts'
import { enrolled, houseText, inDatabase, startRecorder } from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import { configurationFile, proofgate, startGateway } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import { SoftPerson } from '../kit/person.ts'

let recorder: Recorder
let gateway: GatewayProcess
let database: Database
let people: PersonStore
let credentials: CredentialStore
let proofs: Proofs
let alice: SoftPerson
let bob: SoftPerson

before(async () => {
  recorder = await startRecorder()
  gateway = await startGateway({
    command: ['serve', '--config', configurationFile(houseText(recorder.url))],
  })
  alice = await enrolled(gateway, 'alice')
  bob = await enrolled(gateway, 'bob')
  const path = join(gateway.dataDirectory, 'proofgate.db')
  // The virtual devices attest nothing; what is refused for that is shown by one test alone.
  inDatabase(path, (one) => one.exec('UPDATE credential SET attestation_trusted = 1'))
  database = Database.open(path, { create: false, durability: 'process' })
  people = sqlitePeople(database)
  credentials = sqliteCredentials(database)
  proofs = new Proofs({
    store: sqliteProofs(database),
    people,
    credentials,
    speaksForOwner: () => true,
    groupsOf: () => ['members'],
    party: () => ({ id: gateway.relyingPartyId, origins: [alice.origin] }),
    clock: systemClock(0),
  })
})
after(async () => {
  database.close()
  await gateway.stop()
  recorder.close()
})

const alone: Approvers = { self: true, others: 0, groups: [], attested: true, separate: true }
const byAnother: Approvers = { ...alone, self: false, others: 1, groups: ['members'] }

async function idOf(username: string): Promise<string> {
  return (await people.loadByUsername(username))?.id ?? ''
}

interface Asking {
  readonly approvers?: Approvers
  readonly browserSession?: string
  readonly session?: string
  readonly sentence?: string
  /** Whose it is counted as. */
  readonly holder?: string
}

async function ask(asking: Asking = {}): Promise<OpenedProof> {
  const subject = await idOf('alice')
  const opened = await proofs.open({
    holder: {
      key: asking.holder ?? subject,
      session: asking.session ?? 'some-session',
      token: 'some-token',
    },
    browserSession: asking.browserSession,
    validFor: millis(60_000),
    statement: {
      request: 'digest',
      method: 'DELETE',
      authority: 'api.example',
      target: '/orders/7?a=<b>',
      sentence: asking.sentence ?? 'Delete order “7”',
      audience: 'http://api.example',
      subject,
      name: 'Alice',
      client: 'proofgate-cli',
      address: '192.0.2.7',
      configuration: 'version',
      decision: 'policy.allowed',
      approvers: asking.approvers ?? alone,
    },
  })
  assert.ok(!isRefusal(opened), isRefusal(opened) ? opened.code : '')
  return opened
}

const pageOf = (person: SoftPerson, id: string): Promise<Answer> =>
  person.client.call(`${gateway.identity}/approve/${id}`)

const optionsOf = (person: SoftPerson, id: string): Promise<Answer> =>
  person.client.post(`${gateway.identity}/approve/${id}/options`, {})

async function touch(person: SoftPerson, id: string): Promise<Answer> {
  const options = await optionsOf(person, id)
  if (options.status !== 200) return options
  const answer = person.authenticator.get(options.json().publicKey, { origin: person.origin })
  return person.client.post(`${gateway.identity}/approve/${id}/verify`, answer)
}

async function say(person: SoftPerson, id: string, because: string): Promise<Answer> {
  const csrf = await person.readCsrf()
  return person.client.call(`${gateway.identity}/approve/${id}/deny`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      origin: person.origin,
    },
    body: new URLSearchParams({ csrf, because }).toString(),
  })
}

async function stateOf(id: string): Promise<string | undefined> {
  return (await sqliteProofs(database).load(id))?.state
}

function codeOf(answer: Answer): string {
  return answer.status === 200 ? 'ok' : (answer.json().code as string)
}

async function sessionOf(username: string): Promise<string> {
  const person = await idOf(username)
  const row = database.one<{ id: string }>(
    `SELECT id FROM session WHERE person_id = ? AND kind = 'browser' AND ended_at IS NULL`,
    person,
  )
  return row?.id ?? ''
}

describe('approving one request', () => {
  test('takes no passkey that is for emergencies', async () => {
    const { id } = await ask()
    const asked = (await optionsOf(alice, id)).json().publicKey
    const path = join(gateway.dataDirectory, 'proofgate.db')
    const seal = (at: number | null): void =>
      inDatabase(path, (one) => {
        one.prepare('UPDATE credential SET sealed_at = ?').run(at)
      })
    seal(1)
    const response = alice.authenticator.get(asked, { origin: alice.origin })
    const late = await alice.client.post(`${gateway.identity}/approve/${id}/verify`, response)
    const none = await optionsOf(alice, id)
    seal(null)
    assert.deepEqual(
      [codeOf(late), codeOf(none)],
      ['proof.not_an_approver', 'proof.attestation_required'],
    )
    assert.equal(await stateOf(id), 'pending')
    assert.equal(codeOf(await touch(alice, id)), 'ok')
    // One person has room for so many proofs, and the tests below need it.
    inDatabase(path, (one) => {
      one.prepare('DELETE FROM request_proof_touch WHERE proof_id = ?').run(id)
      one.prepare('DELETE FROM request_proof WHERE id = ?').run(id)
    })
  })

  test('a counter that did not grow approves nothing, and is on record as a suspicion', async () => {
    const { id } = await ask()
    const asked = (await optionsOf(alice, id)).json().publicKey
    const { authenticator, client, origin } = alice
    const response = authenticator.get(asked, { origin, signCount: 0 })
    const answer = await client.post(`${gateway.identity}/approve/${id}/verify`, response)
    assert.equal(codeOf(answer), 'proof.clone_suspected')
    assert.equal(await stateOf(id), 'pending')
    const found = []
    for await (const record of readRecords(join(gateway.dataDirectory, 'audit'), { last: 20 })) {
      if (record.action === 'authenticator_clone_suspected') found.push(record)
    }
    assert.equal(found.length, 1)
    assert.match(found[0]?.detail ?? '', /^the counter is 0, and \d+ is on record$/)
    assert.equal(await touch(alice, id).then(codeOf), 'ok')
  })

  test('the page says what would happen, who asks and from where; a touch approves it', async () => {
    const { id } = await ask()
    const page = await pageOf(alice, id)
    assert.equal(page.status, 200)
    for (const shown of ['Delete order “7”', 'DELETE', '/orders/7?a=&lt;b&gt;', '192.0.2.7']) {
      assert.ok(page.text.includes(shown), shown)
    }
    const approved = await touch(alice, id)
    assert.deepEqual([approved.status, approved.json().complete], [200, true])
    assert.equal(await stateOf(id), 'approved')
    assert.match((await pageOf(alice, id)).text, /<h1[^>]*>Approved</)
  })

  test('somebody who is not signed in is led to sign-in and back', async () => {
    const { id } = await ask()
    const stranger = await call(`${gateway.identity}/approve/${id}`)
    assert.equal(stranger.status, 303)
    const location = String(stranger.headers['location'])
    assert.ok(location.endsWith(`return_to=${encodeURIComponent(`/approve/${id}`)}`), location)
  })

  test('nobody else sees it or can answer for it', async () => {
    const { id } = await ask()
    assert.equal((await pageOf(bob, id)).status, 404)
    assert.equal(codeOf(await optionsOf(bob, id)), 'proof.unknown')
    assert.equal((await say(bob, id, 'denied')).status, 403)
    assert.equal(await stateOf(id), 'pending')
  })

  test('the answer of one proof is worth nothing for another, and is gone after that', async () => {
    const [one, other] = [await ask(), await ask()]
    const options = await optionsOf(alice, one.id)
    const answer = alice.authenticator.get(options.json().publicKey, { origin: alice.origin })
    const verify = (id: string): Promise<Answer> =>
      alice.client.post(`${gateway.identity}/approve/${id}/verify`, answer)
    assert.equal(codeOf(await verify(other.id)), 'login.ceremony_unknown')
    assert.equal(codeOf(await verify(one.id)), 'login.ceremony_unknown')
    assert.deepEqual([await stateOf(one.id), await stateOf(other.id)], ['pending', 'pending'])
  })

  test('a touch for another purpose approves nothing, and an approval opens nothing', async () => {
    const { id } = await ask()
    for (const purpose of ['sign-in', 'confirm']) {
      const options = await alice.client.post(
        `${gateway.identity}/webauthn/authentication/options`,
        { purpose },
      )
      const answer = alice.authenticator.get(options.json(), { origin: alice.origin })
      const used = await alice.client.post(`${gateway.identity}/approve/${id}/verify`, answer)
      assert.equal(codeOf(used), 'login.ceremony_unknown')
    }
    const options = await optionsOf(alice, id)
    const answer = alice.authenticator.get(options.json().publicKey, { origin: alice.origin })
    const opened = await alice.client.post(
      `${gateway.identity}/webauthn/authentication/verify`,
      answer,
    )
    assert.equal(codeOf(opened), 'login.ceremony_unknown')
    assert.equal(await stateOf(id), 'pending')
  })

  test("another person's key does not count", async () => {
    const { id } = await ask()
    const options = (await optionsOf(alice, id)).json().publicKey
    const [foreign] = bob.authenticator.credentials
    const answer = bob.authenticator.get(
      { ...options, allowCredentials: [] },
      { origin: alice.origin, credentialId: foreign?.id ?? '' },
    )
    const used = await alice.client.post(`${gateway.identity}/approve/${id}/verify`, answer)
    assert.equal(codeOf(used), 'proof.not_an_approver')
    assert.equal(await stateOf(id), 'pending')
  })

  test('a touch without user verification does not count', async () => {
    const { id } = await ask()
    const options = (await optionsOf(alice, id)).json().publicKey
    const answer = alice.authenticator.get(options, {
      origin: alice.origin,
      flags: (flags) => flags & ~0x04,
    })
    const used = await alice.client.post(`${gateway.identity}/approve/${id}/verify`, answer)
    assert.equal(used.status >= 400, true)
    assert.equal(await stateOf(id), 'pending')
  })

  test('the browser that asked is sent to another device, and can still say no', async () => {
    const { id } = await ask({ browserSession: await sessionOf('alice') })
    assert.match((await pageOf(alice, id)).text, /another device/)
    assert.equal(codeOf(await optionsOf(alice, id)), 'proof.same_session')
    assert.equal((await say(alice, id, 'denied')).status, 303)
    assert.equal(await stateOf(id), 'denied')
  })

  test('a key that attests nothing cannot approve where attestation is asked for', async () => {
    const path = join(gateway.dataDirectory, 'proofgate.db')
    const trust = (trusted: 0 | 1): void =>
      inDatabase(path, (one) => one.exec(`UPDATE credential SET attestation_trusted = ${trusted}`))
    const { id } = await ask()
    trust(0)
    try {
      await assert.rejects(ask(), /attestation_required/)
      assert.match((await pageOf(alice, id)).text, /hardware key/)
      assert.equal(codeOf(await optionsOf(alice, id)), 'proof.attestation_required')
      const free = await ask({ approvers: { ...alone, attested: false } })
      assert.equal((await touch(alice, free.id)).status, 200)
    } finally {
      trust(1)
    }
  })

  test('what was approved can still be taken back, and what was denied not', async () => {
    const { id } = await ask()
    assert.equal((await touch(alice, id)).status, 200)
    assert.equal((await say(alice, id, 'denied')).status, 303)
    assert.equal(await stateOf(id), 'denied')
    assert.equal(codeOf(await touch(alice, id)), 'proof.spent')
  })

  test('a no takes the form token of the session, from our own page', async () => {
    const { id } = await ask()
    const url = `${gateway.identity}/approve/${id}/deny`
    const body = new URLSearchParams({ csrf: 'wrong', because: 'denied' }).toString()
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    const post = (headers: Record<string, string>): Promise<Answer> =>
      alice.client.call(url, { method: 'POST', headers: { ...type, ...headers }, body })
    assert.equal((await post({ origin: alice.origin })).status, 403)
    assert.equal((await post({ origin: 'http://evil.example' })).status, 403)
    assert.equal(await stateOf(id), 'pending')
  })
})

describe('approving for somebody else', () => {
  test('another person of the group approves, and the one who asks cannot', async () => {
    const { id } = await ask({ approvers: byAnother })
    assert.equal((await pageOf(alice, id)).status, 404)
    const inbox = await bob.client.call(`${gateway.identity}/approvals`)
    assert.ok(inbox.text.includes(`/approve/${id}`))
    assert.equal((await touch(bob, id)).json().complete, true)
    assert.ok(!(await bob.client.call(`${gateway.identity}/approvals`)).text.includes(id))
  })

  test('only the one in whose name it was asked can say that it was not them', async () => {
    const { id } = await ask({ approvers: byAnother })
    assert.equal(codeOf(await say(bob, id, 'stranger')), 'proof.not_an_approver')
    assert.equal(await stateOf(id), 'pending')
  })
})

test('more than fit on a page are found page by page, each once', async () => {
  const asked: string[] = []
  for (let at = 0; at < 60; at++) {
    asked.push((await ask({ approvers: byAnother, holder: `owner-${at % 4}` })).id)
  }
  const seen: string[] = []
  let path: string | undefined = '/approvals'
  for (let page = 0; path !== undefined && page < 9; page++) {
    const { status, text } = await bob.client.call(`${gateway.identity}${path}`)
    assert.equal(status, 200)
    const links = [...text.matchAll(/\/approve\/([\w-]+)"/g)].map(([, id]) => id ?? '')
    assert.ok(links.length <= 50)
    seen.push(...links)
    path = /href="(?:https?:\/\/[^/"]+)?(\/approvals\?after=[^"]+)"/.exec(text)?.[1]
  }
  assert.equal(new Set(seen).size, seen.length)
  for (const id of asked) assert.ok(seen.includes(id))
  for (const odd of ['x', '1', '1.', `1.${'a'.repeat(65)}`, '-1.a', '9'.repeat(16)]) {
    const answer = await bob.client.call(`${gateway.identity}/approvals?after=${odd}`)
    assert.equal(answer.status, 200, odd)
  }
})

test('"This was not me" denies, and ends the session that asked', async () => {
  const phone = await enrolledAgain()
  const asking = await sessionOf('alice')
  const { id } = await ask({ session: asking, browserSession: asking })
  assert.equal((await say(phone, id, 'stranger')).status, 303)
  assert.equal(await stateOf(id), 'denied')
  const account = await alice.client.call(`${gateway.identity}/account`)
  assert.equal(account.status, 303)
})

/** The same person with the same key in another browser. */
async function enrolledAgain(): Promise<SoftPerson> {
  const phone = new SoftPerson(gateway, alice.authenticator)
  assert.equal((await phone.signIn()).status, 200)
  return phone
}

describe('what the log keeps of approvals', () => {
  const audit = (...more: readonly string[]): ReturnType<typeof proofgate> =>
    proofgate(['audit', 'proofs', ...more, '--data-dir', gateway.dataDirectory])

  test('verifies again, without the server', async () => {
    const { id } = await ask({ sentence: 'Pay “1000” to “Mallory \u{202e}”' })
    const phone = await enrolledAgain()
    assert.equal((await touch(phone, id)).status, 200)
    const one = await audit(id)
    assert.equal(one.code, 0, one.stderr)
    assert.match(one.stdout, /ok {2}approved by alice, key attested/)
    const all = JSON.parse((await audit('--json')).stdout)
    assert.equal(all.bad, 0)
    const found = all.approvals.find((each: { proof: string }) => each.proof === id)
    assert.equal(found.touch.statement.target, '/orders/7?a=<b>')
    assert.equal(found.touch.origin, alice.origin)
    assert.equal(found.touch.relyingParty, gateway.relyingPartyId)
  })

  test('is judged by the origin and relying party that are expected', async () => {
    assert.equal((await audit('--origin', 'http://evil.example')).code, 1)
    assert.equal((await audit('--rp-id', 'localhost')).code, 1)
    assert.equal((await audit('--rp-id', gateway.relyingPartyId)).code, 0)
  })

  test('does not verify once any byte of it is another', async () => {
    let found: Readonly<Record<string, unknown>> = {}
    for await (const { what } of readRecords(join(gateway.dataDirectory, 'audit'))) {
      if (what?.['statement'] !== undefined) found = what
    }
    assert.equal(typeof replayTouch(found), 'object')
    for (const name of ['statement', 'clientData', 'authenticatorData', 'publicKey', 'signature']) {
      const text = (found[name] as readonly string[]).join('')
      for (let at = 5; at < text.length; at += Math.ceil(text.length / 40)) {
        const other = text[at] === 'A' ? 'B' : 'A'
        const changed = `${text.slice(0, at)}${other}${text.slice(at + 1)}`
        const judged = replayTouch({ ...found, [name]: [changed] })
        assert.equal(typeof judged, 'string', `${name} at ${at}`)
      }
    }
    const nonce = String(found['nonce'])
    const otherNonce = `${nonce.slice(0, 20)}${nonce[20] === 'A' ? 'B' : 'A'}${nonce.slice(21)}`
    assert.equal(typeof replayTouch({ ...found, nonce: otherNonce }), 'string')
    assert.equal(typeof replayTouch({ ...found, proof: 'another' }), 'string')
  })

  test('has nothing to say of a proof that nobody touched a key for', async () => {
    const { id } = await ask()
    const none = await audit(id)
    assert.notEqual(none.code, 0)
    assert.match(none.stderr, /no approval of a proof/)
  })
})

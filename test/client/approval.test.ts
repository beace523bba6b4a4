import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { printStatement } from '../../src/proof/index.ts'
import type { Approvers } from '../../src/proof/index.ts'
import { startFakeIssuer } from './fake-issuer.ts'
import type { Answered, FakeIssuer, Faults } from './fake-issuer.ts'
import { machineFor } from './run.ts'
import type { Machine, Ran } from './run.ts'

let issuer: FakeIssuer
let machine: Machine
before(async () => {
  issuer = await startFakeIssuer()
  machine = await machineFor(issuer.url)
  assert.equal((await machine.run('login')).code, 0)
})
after(() => issuer.close())
beforeEach(() => {
  issuer.faults = {}
  issuer.seen.length = 0
})

const id = 'AAECAwQFBgcICQoLDA0ODw'
const alone: Approvers = { self: true, others: 0, groups: [], attested: true, separate: true }

interface Asking {
  readonly approvers?: Approvers
  readonly sentence?: string
  readonly approval?: string
  /** The statement of another proof. */
  readonly stated?: string
  readonly validFor?: number
}

/** The 401 of a gateway. */
function asked({ approvers = alone, sentence = 'Delete order “7”', ...more }: Asking): Answered {
  const now = Date.now()
  const approval = more.approval ?? `${issuer.url}/approve/${id}`
  const statement = printStatement({
    id: more.stated ?? id,
    request: 'digest',
    method: 'DELETE',
    authority: new URL(issuer.api).host,
    target: '/orders/7',
    sentence,
    audience: issuer.api,
    subject: 'person-1',
    name: 'Ada',
    session: '',
    token: 'token',
    client: 'proofgate-cli',
    address: '127.0.0.1',
    configuration: 'version',
    decision: 'policy.allowed',
    approvers,
    issuedAt: now,
    expiresAt: now + (more.validFor ?? 60_000),
  })
  return {
    status: 401,
    body: { code: 'proof.required', proof: { id, statement, approval, sentence: 'ignored' } },
    headers: { 'www-authenticate': `DPoP, Proofgate-Proof id="${id}", approval="${approval}"` },
  }
}

interface Scene extends Asking {
  /** What becomes of the proof, one for each question; the last one stays. */
  readonly states: readonly (Answered | { state: string; approvals: number })[]
  readonly refused?: Answered
}

const pending = { state: 'pending', approvals: 0 }
const approved = { state: 'approved', approvals: 1 }

/** An API that takes the request with a proof only. */
function faultsFor(scene: Scene): Faults {
  let at = 0
  const status = `/.proofgate/proofs/${id}`
  return {
    api: (request, url) => {
      if (url.pathname === status) {
        const found = scene.states[Math.min(at++, scene.states.length - 1)] ?? pending
        return 'status' in found ? found : { status: 200, body: found }
      }
      if (request.headers['proofgate-proof'] === undefined) return asked(scene)
      return scene.refused
    },
  }
}

async function call(scene: Scene, ...flags: readonly string[]): Promise<Ran> {
  issuer.faults = { ...issuer.faults, ...faultsFor(scene) }
  return machine.run('curl', '-f', '-X', 'DELETE', ...flags, `${issuer.api}/orders/7`)
}

/** Requests without the questions about the proof. */
function sent(): FakeIssuer['seen'] {
  return issuer.seen.filter(({ path }) => path === '/orders/7')
}

test('it says what will happen, waits, and sends the request again with the proof, once', async () => {
  const ran = await call({ states: [pending, approved] }, '--no-browser', '-d', 'a=1')
  assert.equal(ran.code, 0, ran.stderr)
  assert.match(ran.stderr, /Delete order “7”/)
  assert.match(ran.stderr, /It takes your touch, until/)
  assert.ok(ran.stderr.includes(`  ${issuer.url}/approve/${id}\n`))
  assert.match(ran.stderr, /▄|█/)
  assert.match(ran.stdout, /"method":"DELETE"/)
  assert.deepEqual(
    sent().map(({ body, headers }) => [body, headers['proofgate-proof']]),
    [
      ['a=1', undefined],
      ['a=1', `id="${id}"`],
    ],
  )
  // The same token, as the proof is good for no other.
  const tokens = new Set(issuer.seen.map(({ headers }) => headers.authorization))
  assert.equal(tokens.size, 1)
  assert.deepEqual(issuer.problems, [])
})

test('it opens the page for a person who may approve', async () => {
  const opened: string[] = []
  issuer.faults.visited = ({ pathname }) => opened.push(pathname)
  const ran = await call({ states: [pending, pending, approved] })
  assert.equal(ran.code, 0, ran.stderr)
  assert.deepEqual(opened, [`/approve/${id}`])
  assert.doesNotMatch(ran.stderr, /▄|█/)
})

test('it opens nothing where others approve, and says who, and how many have', async () => {
  const opened: string[] = []
  issuer.faults.visited = ({ pathname }) => opened.push(pathname)
  const approvers = { ...alone, self: false, others: 2, groups: ['ops', 'le\u202eads'] }
  const one = { state: 'pending', approvals: 1 }
  const ran = await call({ approvers, states: [pending, one, one, approved] })
  assert.equal(ran.code, 0, ran.stderr)
  assert.deepEqual(opened, [])
  assert.match(ran.stderr, /It takes the touch of 2 other people \(ops, le ads\)/)
  assert.equal(ran.stderr.split('1 approved so far.').length, 2)
})

const ends: readonly [string, Scene['states'], RegExp, readonly string[]][] = [
  ['was denied', [pending, { state: 'denied', approvals: 0 }], /approval_denied/, []],
  ['expired', [{ state: 'expired', approvals: 0 }], /approval_timeout/, []],
  ['was used by somebody', [{ state: 'redeemed', approvals: 1 }], /approval_unreadable/, []],
  ['waits too long', [pending], /approval_timeout/, ['--proof-timeout', '1.5']],
  ['is of a sign-in that ended', [{ status: 404, body: {} }], /approval_lost/, []],
  ['is of a token that ended', [{ status: 401, body: {} }], /approval_lost/, []],
]
for (const [what, states, message, flags] of ends) {
  test(`nothing is sent when the proof ${what}`, async () => {
    const ran = await call({ states }, '--no-browser', ...flags)
    assert.equal(ran.code, 1)
    assert.match(ran.stderr, message)
    assert.match(ran.stderr, /nothing was sent|--no-approval/)
    assert.equal(sent().length, 1)
  })
}

const elsewhere: readonly [string, Partial<Asking>, RegExp][] = [
  ['at another host', { approval: `http://evil.localhost/approve/${id}` }, /approval_elsewhere/],
  ['by a script', { approval: 'javascript:alert(1)' }, /approval_unreadable/],
  ['for another proof', { stated: 'BBECAwQFBgcICQoLDA0ODw' }, /approval_unreadable/],
]
for (const [what, change, message] of elsewhere) {
  test(`nobody is sent to a page ${what}`, async () => {
    const opened: string[] = []
    issuer.faults.visited = ({ pathname }) => opened.push(pathname)
    const ran = await call({ ...change, states: [approved] })
    assert.equal(ran.code, 1)
    assert.match(ran.stderr, message)
    assert.deepEqual(opened, [])
    assert.equal(issuer.seen.length, 1)
  })
}

test('a page of another path of the issuer is not opened either', async () => {
  const ran = await call({ approval: `${issuer.url}/account`, states: [approved] })
  assert.match(ran.stderr, /approval_elsewhere/)
})

test('what the API says cannot play tricks with the terminal', async () => {
  const sentence = 'Pay\u001b[2J “1”\r\n\u202e'
  const ran = await call({ sentence, states: [approved] }, '--no-browser')
  assert.equal(ran.code, 0, ran.stderr)
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(ran.stderr, /\u001b|\r|\u202e/)
})

test('a question that fails is asked again', async () => {
  const states = [{ status: 503, body: {} }, { status: 200, body: { state: 7 } }, approved]
  const ran = await call({ states }, '--no-browser')
  assert.equal(ran.code, 0, ran.stderr)
})

test('the answer to the request with the proof is the answer, whatever it is', async () => {
  const refused = { status: 403, body: { code: 'proof.mismatch' } }
  const ran = await call({ states: [approved], refused }, '--no-browser')
  assert.equal(ran.code, 22)
  issuer.seen.length = 0
  const again = await call({ states: [approved], refused: asked({}) }, '--no-browser')
  assert.equal(again.code, 22)
  assert.equal(sent().length, 2)
})

test('nobody is asked with --no-approval, nor for a body that cannot be sent again', async () => {
  const ran = await call({ states: [approved] }, '--no-approval')
  assert.equal(ran.code, 22)
  assert.equal(issuer.seen.length, 1)
  issuer.faults = faultsFor({ states: [approved] })
  const piped = await machine.runWith('once', 'curl', '-f', '-T', '-', `${issuer.api}/orders/7`)
  assert.equal(piped.code, 22)
})

test('a token that is about to end is replaced before anybody is asked', async () => {
  const other = await machineFor(issuer.url)
  issuer.faults = { lifetime: 45 }
  assert.equal((await other.run('login')).code, 0)
  issuer.faults = faultsFor({ states: [approved] })
  const flags = ['-f', '--no-browser', '-X', 'DELETE']
  const ran = await other.run('curl', ...flags, `${issuer.api}/orders/7`)
  assert.equal(ran.code, 0, ran.stderr)
  const tokens = issuer.seen.map(({ headers }) => headers.authorization)
  assert.equal(new Set(tokens).size, 2)
  assert.equal(new Set(tokens.slice(1)).size, 1)
})

test('times that are none are refused before anything is sent', async () => {
  const ran = await call({ states: [approved] }, '--proof-timeout', 'soon')
  assert.equal(ran.code, 1)
  assert.match(ran.stderr, /is not a number of seconds/)
  assert.equal(issuer.seen.length, 0)
})

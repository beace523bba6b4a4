import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isRefusal } from '../../src/core/index.ts'
import { forwardedEvidence, requestDigest } from '../../src/proof/index.ts'
import type { Approvers, Evidence } from '../../src/proof/index.ts'
import { ProofNotVerified, verifyProof } from '../../web/sdk/verify-proof.ts'
import type { Expected, ReceivedRequest } from '../../web/sdk/verify-proof.ts'
import { temporaryDirectory } from '../kit/gateway.ts'
import {
  alone,
  proofOrigin,
  proofParty,
  proofRequest,
  ProofWorld,
  twoOthers,
} from '../kit/proofs.ts'
import type { Somebody } from '../kit/proofs.ts'
import type { NaiveRequest } from './naive.ts'

const world = new ProofWorld(join(temporaryDirectory(), 'verify.sqlite'))
Object.assign(world.groups, { bob: ['ops'], carol: ['ops'] })
after(() => {
  world.close()
})

const headers = { 'Content-Type': 'application/json', 'if-match': ['"1"', '"2"'] }
const request: ReceivedRequest = {
  method: 'POST',
  authority: 'api.localhost:8080',
  target: '/orders/7?b=2&a=1',
  headers,
  content: Buffer.from('{"amount":7}'),
}
const digest = requestDigest({
  method: request.method,
  authority: request.authority,
  target: request.target,
  headers: [
    ['content-type', ['application/json']],
    ['if-match', ['"1"', '"2"']],
  ],
  content: request.content,
})
const expected: Expected = {
  rpId: proofParty.id,
  origins: [proofOrigin],
  keys: 'evidence',
  request,
  now: world.clock.now(),
}

/** What the gateway forwards for a request that these people approved. */
async function evidenceOf(
  asker: Somebody,
  approvers: Approvers,
  people: readonly Somebody[],
): Promise<string> {
  const asked = proofRequest(asker, approvers)
  const opened = await world.proofs.open({
    ...asked,
    statement: { ...asked.statement, request: digest },
  })
  assert.ok(!isRefusal(opened))
  for (const person of people) assert.ok(!isRefusal(await world.touch(opened, person)))
  const redeemed = await world.redeem(opened.id, asker, { request: digest })
  assert.ok(!isRefusal(redeemed))
  return forwardedEvidence(redeemed, ['if-match'])
}

interface Held {
  readonly type: string
  readonly statement: string
  readonly headers: readonly string[]
  readonly touches: readonly Evidence[]
}

function opened(header: string): Held {
  return JSON.parse(Buffer.from(header, 'base64url').toString()) as Held
}

const alice = await world.somebody('alice')
const [bob, carol] = [await world.somebody('bob'), await world.somebody('carol')]
const one = await evidenceOf(alice, alone, [alice])
const two = await evidenceOf(alice, twoOthers, [bob, carol])

async function refused(evidence: string | object, change: Partial<Expected> = {}): Promise<string> {
  const found = await verifyProof(evidence, { ...expected, ...change }).catch(
    (error: unknown) => error,
  )
  assert.ok(found instanceof ProofNotVerified, JSON.stringify(found))
  return found.message
}

test('what the gateway forwards verifies, and says what was approved and by whom', async () => {
  const { statement, touches } = await verifyProof(one, expected)
  assert.equal(statement.sentence, 'Delete order “7”')
  assert.deepEqual(
    touches.map(({ username, attested, origin }) => [username, attested, origin]),
    [['alice', true, proofOrigin]],
  )
  const both = await verifyProof(two, { ...expected, headers: ['If-Match'] })
  assert.deepEqual(
    both.touches.map(({ username }) => username),
    ['bob', 'carol'],
  )
  await verifyProof(opened(one), { ...expected, request: undefined, now: undefined })
})

for (const [name, algorithm] of [
  ['EdDSA', -8],
  ['RS256', -257],
  ['ML-DSA-44', -48],
  ['ML-DSA-65', -49],
  ['ML-DSA-87', -50],
] as const) {
  test(`touches of ${name} verify`, async () => {
    const person = await world.somebody(name.toLowerCase(), true, { algorithms: [algorithm] })
    await verifyProof(await evidenceOf(person, alone, [person]), expected)
  })
}

/** The same evidence with another key, or another signature, in its only touch. */
function withTouch(header: string, change: (touch: Evidence) => Partial<Evidence>): object {
  const held = opened(header)
  return { ...held, touches: held.touches.map((touch) => ({ ...touch, ...change(touch) })) }
}

test('a touch of ML-DSA verifies with its own key, algorithm and signature only', async () => {
  const [one, other] = await Promise.all(
    ['lattice', 'other-lattice'].map((name) => world.somebody(name, true, { algorithms: [-48] })),
  )
  assert.ok(one !== undefined && other !== undefined)
  const evidence = await evidenceOf(one, alone, [one])
  await verifyProof(evidence, expected)
  const { publicKey } = await other.credential()
  const signature = ({ signature: text }: Evidence): Buffer => Buffer.from(text, 'base64url')
  const key = ({ publicKey: text }: Evidence): Buffer => Buffer.from(text, 'base64url')
  const changes: readonly (readonly [string, RegExp, (touch: Evidence) => Partial<Evidence>])[] = [
    [
      'another key',
      /wrong signature/,
      () => ({ publicKey: Buffer.from(publicKey).toString('base64url') }),
    ],
    [
      'a changed signature',
      /wrong signature/,
      (touch) => {
        const bytes = signature(touch)
        bytes[100] = (bytes[100] ?? 0) ^ 1
        return { signature: bytes.toString('base64url') }
      },
    ],
    [
      'a cut signature',
      /wrong signature|cannot be used/,
      (touch) => ({ signature: signature(touch).subarray(1).toString('base64url') }),
    ],
    [
      'the number of another parameter set',
      /cannot be used/,
      (touch) => {
        const bytes = key(touch)
        // 03 38 2f: the algorithm is -48.
        const at = bytes.indexOf(Buffer.of(0x03, 0x38, 0x2f))
        assert.ok(at > 0)
        bytes[at + 2] = 0x30
        return { publicKey: bytes.toString('base64url') }
      },
    ],
    [
      'a key cut by a byte',
      /key is cut|another form/,
      (touch) => ({ publicKey: key(touch).subarray(0, -1).toString('base64url') }),
    ],
  ]
  for (const [what, why, change] of changes) {
    assert.match(await refused(withTouch(evidence, change)), why, what)
  }
})

test('keys of other algorithms are refused by name', async () => {
  const other = withTouch(one, ({ publicKey }) => {
    const bytes = Buffer.from(publicKey, 'base64url')
    // 03 26: the algorithm is -7.
    const at = bytes.indexOf(Buffer.of(0x03, 0x26))
    assert.ok(at > 0)
    const named = [bytes.subarray(0, at + 1), Buffer.of(0x38, 0x22), bytes.subarray(at + 2)]
    return { publicKey: Buffer.concat(named).toString('base64url') }
  })
  assert.match(await refused(other), /algorithm -35/)
})

test('published evidence verifies', async () => {
  const path = new URL('vectors.json', import.meta.url)
  const { evidence, party, requests } = JSON.parse(readFileSync(path, 'utf8')) as {
    evidence: Held[]
    party: { rpId: string; origin: string }
    requests: { request: NaiveRequest }[]
  }
  const [first] = requests
  assert.ok(first !== undefined && evidence.length === 3)
  const { method, authority, target } = first.request
  for (const held of evidence) {
    const found = await verifyProof(held, {
      rpId: party.rpId,
      origins: [party.origin],
      keys: 'evidence',
      request: { method, authority, target, headers: new Headers(), content: new Uint8Array() },
      now: 1_800_000_060_000,
    })
    assert.equal(found.statement.name, 'Ada Lovelace')
  }
})

const requests: readonly [string, Partial<ReceivedRequest>][] = [
  ['method', { method: 'PUT' }],
  ['host', { authority: 'other.localhost:8080' }],
  ['path', { target: '/orders/8?b=2&a=1' }],
  ['order of the query', { target: '/orders/7?a=1&b=2' }],
  ['content type', { headers: { ...headers, 'Content-Type': 'text/plain' } }],
  ['bound header', { headers: { ...headers, 'if-match': ['"2"', '"1"'] } }],
  ['bound header that is gone', { headers: { 'Content-Type': 'application/json' } }],
  ['body', { content: Buffer.from('{"amount":8}') }],
]
for (const [what, change] of requests) {
  test(`another ${what} is another request`, async () => {
    const other = { ...request, ...change }
    assert.equal(await refused(one, { request: other }), 'it is for another request')
  })
}

test('who, where and when are compared with what is expected', async () => {
  assert.match(await refused(one, { rpId: 'other' }), /relying party/)
  assert.match(await refused(one, { origins: ['http://localhost:9999'] }), /elsewhere/)
  assert.match(await refused(one, { headers: ['x-other'] }), /x-other is not bound/)
  const { issuedAt, expiresAt } = (await verifyProof(one, expected)).statement
  assert.match(await refused(one, { now: issuedAt - 60_001 }), /future/)
  assert.match(await refused(one, { now: expiresAt + 60_000 }), /expired/)
  await verifyProof(one, { ...expected, now: expiresAt + 59_999 })
  assert.match(await refused(one, { now: expiresAt, tolerance: 0 }), /expired/)
})

test('a key is one that is known, when keys are given', async () => {
  const [touch] = opened(one).touches
  assert.ok(touch !== undefined)
  await verifyProof(one, { ...expected, keys: { [touch.credentialId]: touch.publicKey } })
  assert.match(await refused(one, { keys: {} }), /not known/)
  const [other] = opened(two).touches
  const wrong = { [touch.credentialId]: other?.publicKey ?? '' }
  assert.equal(await refused(one, { keys: wrong }), 'wrong signature')
})

/** The evidence of two with something changed in its first touch. */
function bent(change: Partial<Evidence>): Held {
  const held = opened(two)
  const [first, ...others] = held.touches
  assert.ok(first !== undefined)
  return { ...held, touches: [{ ...first, ...change }, ...others] }
}

test('no byte of a touch can be another', async () => {
  const [first] = opened(two).touches
  assert.ok(first !== undefined)
  for (const member of [
    'nonce',
    'clientDataJSON',
    'authenticatorData',
    'signature',
    'publicKey',
  ] as const) {
    const bytes = Buffer.from(first[member], 'base64url')
    for (const at of [0, bytes.length >> 1, bytes.length - 1]) {
      const other = Buffer.from(bytes)
      other[at] = (other[at] ?? 0) ^ 1
      await refused(bent({ [member]: other.toString('base64url') }))
    }
    await refused(bent({ [member]: first[member].slice(0, -4) }))
    await refused(bent({ [member]: `${first[member]}=` }))
    await refused(bent({ [member]: '' }))
  }
})

test('enough different people have touched, and whoever asks is none of the others', async () => {
  const { touches } = opened(two)
  const [first, second] = touches
  assert.ok(first !== undefined && second !== undefined)
  const held = opened(two)
  assert.match(await refused({ ...held, touches: [first] }), /others are missing/)
  assert.match(await refused({ ...held, touches: [first, first] }), /others are missing/)
  assert.match(await refused({ ...held, touches: [] }), /no touch/)
  const renamed = { ...first, approver: 'somebody' }
  assert.match(await refused({ ...held, touches: [first, renamed] }), /one key of two people/)
  assert.match(await refused(bent({ approver: alice.person.id })), /others are missing/)
  assert.match(await refused(bent({ groups: [] })), /others are missing/)
  const unattested = { ...first.attestation, trusted: false }
  assert.match(await refused(bent({ attestation: unattested })), /others are missing/)
})

test('a statement is read in one way or not at all', async () => {
  const held = opened(one)
  for (const statement of [
    held.statement.replace('“7”', '“8”'),
    held.statement.replace('"method"', '"method":"GET","method"'),
    `${held.statement} `,
    held.statement.replace('statement/1', 'statement/2'),
    held.statement.replace('"once"', '"always"'),
    '{}',
    'null',
    '',
  ]) {
    await refused({ ...held, statement })
  }
})

test('what is no evidence is refused, whatever it is', async () => {
  for (const evidence of ['', '!', 'e30', one.slice(1), `${one}=`, {}, [], { type: 'x' }]) {
    await refused(evidence)
  }
  await refused({ ...opened(one), touches: [null] })
  await refused({ ...opened(one), touches: Array.from({ length: 33 }, () => ({})) })
})

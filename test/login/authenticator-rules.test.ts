import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  bothRules,
  judgeAuthenticator,
  judgeRegistration,
} from '../../src/login/authenticator-rules.ts'
import { comparableSerial } from '../../src/login/makers.ts'
import { unknownDevice } from '../../src/webauthn/index.ts'
import type { AuthenticatorRules, ModelList } from '../../src/login/authenticator-rules.ts'

const model = '2fc0579f-8113-47ea-b116-bb5a8db9202a'
const other = 'ee882879-721c-4913-9775-3dfcce97072a'
const rules: AuthenticatorRules = {
  allow: 'any',
  algorithms: [-7, -8, -257],
  models: { allow: [], deny: { aaguids: [], makers: [] } },
  certification: undefined,
  serials: undefined,
}
const trusted = { trusted: true, anchor: 'soft.pem', path: [] } as const
const untrusted = { trusted: false, why: 'no certificate vouches for it' } as const
const bound = {
  aaguid: model,
  backupEligible: false,
  description: undefined as string | undefined,
  makers: [] as readonly string[],
  serial: undefined as string | undefined,
}
const synced = { ...bound, backupEligible: true }
const none = { aaguids: [], makers: [] }

/** The same rules with these lists of models. */
function listing(allow: readonly Partial<ModelList>[], deny: Partial<ModelList> = {}) {
  const models = {
    allow: allow.map((list) => ({ ...none, ...list })),
    deny: { ...none, ...deny },
  }
  return { ...rules, models }
}

function codeOf(...given: Parameters<typeof judgeAuthenticator>): string | undefined {
  return judgeAuthenticator(...given)?.code
}

test('without rules everything is kept', () => {
  for (const found of [bound, synced]) {
    for (const trust of [trusted, untrusted]) assert.equal(codeOf(rules, found, trust), undefined)
  }
})

test('hardware-only keeps what is trusted and cannot be copied, and nothing else', () => {
  const hardware = { ...rules, allow: 'hardware-only' as const }
  assert.equal(codeOf(hardware, bound, trusted), undefined)
  assert.equal(codeOf(hardware, bound, untrusted), 'login.hardware_key_required')
  assert.equal(codeOf(hardware, synced, trusted), 'login.hardware_key_required')
  assert.equal(codeOf(hardware, synced, untrusted), 'login.hardware_key_required')
})

test('device-bound keeps what cannot be copied, trusted or not', () => {
  const device = { ...rules, allow: 'device-bound' as const }
  assert.equal(codeOf(device, bound, untrusted), undefined)
  assert.equal(codeOf(device, synced, trusted), 'login.device_bound_key_required')
  assert.equal(codeOf(device, synced, untrusted), 'login.device_bound_key_required')
})

test('an allowed model has to be proved; a claim is not enough', () => {
  const listed = listing([{ aaguids: [model] }])
  assert.equal(codeOf(listed, bound, trusted), undefined)
  assert.equal(codeOf(listed, bound, untrusted), 'login.authenticator_not_allowed')
  assert.equal(
    codeOf(listed, { ...bound, aaguid: other }, trusted),
    'login.authenticator_not_allowed',
  )
  const nothing = listing([{}])
  assert.equal(codeOf(nothing, bound, trusted), 'login.authenticator_not_allowed')
})

test('a denied model is refused whether it proves itself or only says so', () => {
  const denied = listing([{ aaguids: [model] }], { aaguids: [model] })
  assert.equal(codeOf(denied, bound, trusted), 'login.authenticator_not_allowed')
  const only = listing([], { aaguids: [model] })
  assert.equal(codeOf(only, bound, untrusted), 'login.authenticator_not_allowed')
  assert.equal(codeOf(only, { ...bound, aaguid: other }, untrusted), undefined)
})

test('two rules together are never wider than either', () => {
  const device = { ...rules, allow: 'device-bound' as const }
  const hardware = { ...rules, allow: 'hardware-only' as const }
  assert.equal(bothRules(device, hardware).allow, 'hardware-only')
  assert.equal(bothRules(hardware, device).allow, 'hardware-only')
  assert.equal(bothRules(rules, device).allow, 'device-bound')
  const narrow = { ...rules, algorithms: [-8, -7] as const }
  assert.deepEqual(bothRules(rules, narrow).algorithms, [-7, -8])
  assert.deepEqual(bothRules(narrow, { ...rules, algorithms: [-257] }).algorithms, [])
  const one = listing([{ aaguids: [model] }], { aaguids: [other], makers: ['Acme'] })
  const two = listing([{ aaguids: [other] }], { aaguids: [other], makers: ['Other'] })
  assert.deepEqual(bothRules(one, two).models.deny, {
    aaguids: [other],
    makers: ['Acme', 'Other'],
  })
  for (const [first, second] of [
    [one, two],
    [two, one],
  ] as const) {
    for (const aaguid of [model, other]) {
      const found = { ...bound, aaguid }
      assert.equal(
        codeOf(bothRules(first, second), found, trusted),
        'login.authenticator_not_allowed',
      )
    }
  }
  for (const both of [bothRules(rules, one), bothRules(one, rules)]) {
    assert.equal(codeOf(both, bound, trusted), undefined)
  }
  assert.deepEqual(bothRules({ ...rules, serials: ['1', '2'] }, rules).serials, ['1', '2'])
  assert.deepEqual(bothRules(rules, { ...rules, serials: ['1'] }).serials, ['1'])
  const serials = bothRules({ ...rules, serials: ['1', '2'] }, { ...rules, serials: ['2'] })
  assert.deepEqual(serials.serials, ['2'])
})

test('a maker is allowed by the description of metadata, or else by the certificate', () => {
  const acme = listing([{ makers: ['Acme Keys'] }])
  const refusal = 'login.authenticator_not_allowed'
  const of = (description: string | undefined, ...makers: string[]) => ({
    ...bound,
    description,
    makers,
  })
  assert.equal(codeOf(acme, of(undefined, 'ACME Keys Inc.'), trusted), undefined)
  assert.equal(codeOf(acme, of('Acme Keys Mini'), trusted), undefined)
  assert.equal(codeOf(acme, of(undefined, 'Acme Keys'), untrusted), refusal)
  assert.equal(codeOf(acme, of('Acme Keys Mini'), untrusted), refusal)
  assert.equal(codeOf(acme, of('Another Mini', 'Acme Keys'), trusted), refusal)
  assert.equal(codeOf(acme, of(undefined), trusted), refusal)
  const either = listing([{ makers: ['Acme Keys'], aaguids: [other] }])
  assert.equal(codeOf(either, { ...of(undefined), aaguid: other }, trusted), undefined)
})

test('a name in our own table lets nobody in, and keeps out whoever is denied by it', () => {
  assert.equal(
    codeOf(listing([{ makers: ['Yubico'] }]), bound, trusted),
    'login.authenticator_not_allowed',
  )
  assert.equal(
    codeOf(listing([], { makers: ['Yubico'] }), bound, untrusted),
    'login.authenticator_not_allowed',
  )
})

test('a maker is denied by its description or certificate, trusted or not', () => {
  const denied = listing([], { makers: ['acme'] })
  const refusal = 'login.authenticator_not_allowed'
  for (const trust of [trusted, untrusted]) {
    assert.equal(codeOf(denied, { ...bound, makers: ['Acme Inc.'] }, trust), refusal)
    assert.equal(codeOf(denied, { ...bound, description: 'The Acme Key' }, trust), refusal)
    assert.equal(codeOf(denied, { ...bound, makers: ['Acmes'] }, trust), undefined)
  }
})

test('a device is allowed by a serial number that is proved, and by nothing else', () => {
  const own = { ...rules, serials: ['bc614e'].map((one) => comparableSerial(`0x${one}`)) }
  const refusal = 'login.own_key_required'
  assert.equal(codeOf(own, { ...bound, serial: '00bc614e' }, trusted), undefined)
  assert.equal(codeOf(own, { ...bound, serial: '00bc614e' }, untrusted), refusal)
  assert.equal(codeOf(own, { ...bound, serial: '00bc614f' }, trusted), refusal)
  assert.equal(codeOf(own, { ...bound, serial: 'bc614e00' }, trusted), refusal)
  assert.equal(codeOf(own, bound, trusted), refusal)
  assert.equal(codeOf({ ...own, serials: [] }, { ...bound, serial: '01' }, trusted), refusal)
  assert.equal(comparableSerial('12345678'), comparableSerial('0x00BC614E'))
})

test('of two levels of certification the higher one counts', () => {
  const of = (certification: AuthenticatorRules['certification']) => ({ ...rules, certification })
  assert.equal(bothRules(of('L1+'), of('L1')).certification, 'L1+')
  assert.equal(bothRules(of('L2'), of('L3+')).certification, 'L3+')
  assert.equal(bothRules(rules, of('L1')).certification, 'L1')
  assert.equal(bothRules(of('L1'), rules).certification, 'L1')
  assert.equal(bothRules(rules, rules).certification, undefined)
})

test('a model that metadata blocks is refused though it is only claimed and nothing else is asked', () => {
  const judged = (verdict: 'allow' | 'warn' | 'block') =>
    judgeRegistration(
      {
        attestation: 'none',
        anchors: [],
        rulesFor: () => rules,
        certificationOf: () => undefined,
        revocationOf: () => undefined,
        clone: 'block',
        signIn: 'any',
        modelOf: (aaguid) =>
          aaguid === model
            ? {
                description: undefined,
                anchors: [],
                verdict,
                reasons: ['SOME_STATUS'],
                certification: 'L3',
              }
            : undefined,
      },
      rules,
      {
        ...bound,
        statement: { chain: [], namesModel: false, weakness: undefined, device: unknownDevice },
        at: Date.UTC(2026, 0),
      },
    )
  const blocked = judged('block')
  assert.ok('code' in blocked)
  assert.equal(blocked.code, 'login.authenticator_not_allowed')
  assert.match(blocked.detail ?? '', /SOME_STATUS/)
  const warned = judged('warn')
  assert.deepEqual('warnings' in warned && warned.warnings, ['SOME_STATUS'])
  assert.ok('trust' in warned && !warned.trust.trusted)
})

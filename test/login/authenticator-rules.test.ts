import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  bothRules,
  judgeAuthenticator,
  judgeRegistration,
} from '../../src/login/authenticator-rules.ts'
import type { AuthenticatorRules } from '../../src/login/authenticator-rules.ts'

const model = '2fc0579f-8113-47ea-b116-bb5a8db9202a'
const other = 'ee882879-721c-4913-9775-3dfcce97072a'
const rules: AuthenticatorRules = {
  allow: 'any',
  algorithms: [-7, -8, -257],
  aaguids: { allow: undefined, deny: [] },
  certification: undefined,
}
const trusted = { trusted: true, anchor: 'soft.pem' } as const
const untrusted = { trusted: false, why: 'no certificate vouches for it' } as const
const bound = { aaguid: model, backupEligible: false }
const synced = { aaguid: model, backupEligible: true }

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
  const listed = { ...rules, aaguids: { allow: [model], deny: [] } }
  assert.equal(codeOf(listed, bound, trusted), undefined)
  assert.equal(codeOf(listed, bound, untrusted), 'login.authenticator_not_allowed')
  assert.equal(
    codeOf(listed, { ...bound, aaguid: other }, trusted),
    'login.authenticator_not_allowed',
  )
  const nothing = { ...rules, aaguids: { allow: [], deny: [] } }
  assert.equal(codeOf(nothing, bound, trusted), 'login.authenticator_not_allowed')
})

test('a denied model is refused whether it proves itself or only says so', () => {
  const denied = { ...rules, aaguids: { allow: [model], deny: [model] } }
  assert.equal(codeOf(denied, bound, trusted), 'login.authenticator_not_allowed')
  const only = { ...rules, aaguids: { allow: undefined, deny: [model] } }
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
  const one = { ...rules, aaguids: { allow: [model], deny: [other] } }
  const two = { ...rules, aaguids: { allow: [other], deny: [model] } }
  assert.deepEqual(bothRules(one, two).aaguids, { allow: [], deny: [other, model] })
  assert.deepEqual(bothRules(rules, one).aaguids.allow, [model])
  assert.deepEqual(bothRules(one, rules).aaguids.allow, [model])
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
        modelOf: (aaguid) =>
          aaguid === model
            ? { anchors: [], verdict, reasons: ['SOME_STATUS'], certification: 'L3' }
            : undefined,
      },
      rules,
      {
        ...bound,
        statement: { chain: [], namesModel: false, weakness: undefined },
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

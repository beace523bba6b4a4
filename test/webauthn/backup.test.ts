import assert from 'node:assert/strict'
import { test } from 'node:test'

import { judgeAuthenticator } from '../../src/login/authenticator-rules.ts'
import type { AuthenticatorRules } from '../../src/login/authenticator-rules.ts'
import { unknownDevice } from '../../src/webauthn/index.ts'
import { accepted, authenticate, enrolled, refusedAs, register } from './fixture.ts'

/** The bits BE and BS of the flags, in place of what the device would set. */
const saying = (eligible: boolean, backedUp: boolean) => (flags: number) =>
  (flags & ~0x18) | (eligible ? 0x08 : 0) | (backedUp ? 0x10 : 0)

const both = [false, true] as const

for (const eligible of both) {
  for (const backedUp of both) {
    const state = `BE=${Number(eligible)} BS=${Number(backedUp)}`

    test(`a registration with ${state}`, () => {
      for (const attestation of ['none', 'packed-self', 'packed-x5c'] as const) {
        const verified = register({ attestation }, { flags: saying(eligible, backedUp) })
        if (backedUp && !eligible) {
          refusedAs(verified, 'registration_backup_state_invalid')
          continue
        }
        accepted(verified)
        assert.deepEqual([verified.backupEligible, verified.backupState], [eligible, backedUp])
      }
    })

    for (const registered of both) {
      test(`an assertion with ${state} of a passkey registered with BE=${Number(registered)}`, () => {
        const key = enrolled({ backupEligible: registered })
        const outcome = authenticate(key, { flags: saying(eligible, backedUp) })
        if (backedUp && !eligible) {
          refusedAs(outcome, 'assertion_backup_state_invalid', 403)
        } else if (eligible !== registered) {
          refusedAs(outcome, 'assertion_rejected', 401)
        } else {
          accepted(outcome)
          assert.equal(outcome.backupState, backedUp)
        }
      })
    }
  }
}

test('eligibility, not the state, decides which kind a passkey is; trust cannot make up for it', () => {
  const rules: Omit<AuthenticatorRules, 'allow'> = {
    algorithms: [-7],
    models: { allow: [], deny: { aaguids: [], makers: [] } },
    certification: undefined,
    serials: undefined,
  }
  const trusts = [
    { trusted: true, anchor: 'soft.pem', path: [] },
    { trusted: false, why: 'nobody vouches' },
  ] as const
  for (const [allow, backupEligible, trusted, keeps] of [
    ['any', false, false, true],
    ['any', true, false, true],
    ['any', true, true, true],
    ['device-bound', false, false, true],
    ['device-bound', false, true, true],
    ['device-bound', true, false, false],
    ['device-bound', true, true, false],
    ['hardware-only', false, true, true],
    ['hardware-only', false, false, false],
    ['hardware-only', true, true, false],
    ['hardware-only', true, false, false],
  ] as const) {
    const found = {
      ...unknownDevice,
      aaguid: '00000000-0000-0000-0000-000000000000',
      description: undefined,
      backupEligible,
    }
    const trust = trusts[trusted ? 0 : 1]
    const refusal = judgeAuthenticator({ ...rules, allow }, found, trust)
    assert.equal(refusal === undefined, keeps, `${allow} ${backupEligible} ${trusted}`)
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { webauthnErrors } from '../../src/webauthn/index.ts'

test('malformed input and failed registrations are 400, failed assertions 403, an unproven one 401', () => {
  for (const [reason, spec] of Object.entries(webauthnErrors.specs)) {
    const expected =
      reason === 'assertion_rejected' ? 401 : reason.startsWith('assertion_') ? 403 : 400
    assert.equal(spec.status, expected, reason)
    assert.equal(spec.fault, 'caller')
  }
})

test('no public text is the same for two reasons of one ceremony', () => {
  const reasons = Object.entries(webauthnErrors.specs)
  for (const other of ['registration_', 'assertion_']) {
    const titles = reasons
      .filter(([reason]) => !reason.startsWith(other))
      .map(([, { title }]) => title)
    assert.equal(new Set(titles).size, titles.length)
  }
})

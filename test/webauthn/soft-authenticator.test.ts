import assert from 'node:assert/strict'
import { test } from 'node:test'

import { SoftAuthenticator } from '../kit/soft-authenticator.ts'
import { newCreationOptions, newRequestOptions, origin } from './fixture.ts'

const named = (name: string) => (error: unknown) =>
  error instanceof DOMException && error.name === name

test('the soft authenticator refuses what a browser refuses', () => {
  const authenticator = new SoftAuthenticator({ algorithms: [-8] })
  const creation = newCreationOptions()
  const elsewhere = { origin: 'https://evil.example' }
  assert.throws(() => authenticator.create(creation, elsewhere), named('SecurityError'))
  assert.throws(
    () => authenticator.create(newCreationOptions([-7]), { origin }),
    named('NotSupportedError'),
  )
  assert.throws(() => authenticator.get(newRequestOptions(), { origin }), named('NotAllowedError'))
  const { id } = authenticator.create(creation, { origin })
  const excludeCredentials = [{ id }]
  assert.throws(
    () => authenticator.create({ ...creation, excludeCredentials }, { origin }),
    named('InvalidStateError'),
  )
  assert.equal(authenticator.get(newRequestOptions([id]), { origin }).id, id)
  assert.throws(
    () => authenticator.get(newRequestOptions(['AAAA']), { origin }),
    named('NotAllowedError'),
  )
})

test('the soft authenticator keeps its credentials by relying party', () => {
  const authenticator = new SoftAuthenticator()
  authenticator.create(newCreationOptions(), { origin })
  const other = { ...newRequestOptions(), rpId: 'other.example' }
  assert.throws(
    () => authenticator.get(other, { origin: 'https://other.example' }),
    named('NotAllowedError'),
  )
})

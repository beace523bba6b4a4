import assert from 'node:assert/strict'
import { test } from 'node:test'

import { InvariantError } from '../../src/core/index.ts'
import { creationOptions, requestOptions } from '../../src/webauthn/index.ts'

const creation = {
  rp: { id: 'example.org', name: 'Example' },
  user: { handle: Buffer.from([1, 2, 3]), name: 'ada', displayName: 'Ada' },
  challenge: Buffer.alloc(32, 7),
  excludeCredentials: [
    { id: 'AQID', transports: ['usb'] },
    { id: 'BAUG', transports: [] },
  ],
  timeoutMillis: 300_000,
  attestation: 'none',
  algorithms: [-7, -8, -257],
} as const

const request = {
  rpId: 'example.org',
  challenge: Buffer.alloc(16, 7),
  allowCredentials: [],
  timeoutMillis: 300_000,
}

test('creation options ask for a discoverable credential, user verification and the attestation that is wanted', () => {
  assert.deepEqual(creationOptions(creation), {
    rp: { id: 'example.org', name: 'Example' },
    user: { id: 'AQID', name: 'ada', displayName: 'Ada' },
    challenge: 'BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc',
    pubKeyCredParams: [
      { type: 'public-key', alg: -7 },
      { type: 'public-key', alg: -8 },
      { type: 'public-key', alg: -257 },
    ],
    timeout: 300_000,
    excludeCredentials: [
      { type: 'public-key', id: 'AQID', transports: ['usb'] },
      { type: 'public-key', id: 'BAUG' },
    ],
    authenticatorSelection: {
      residentKey: 'required',
      requireResidentKey: true,
      userVerification: 'required',
    },
    attestation: 'none',
    extensions: { credProps: true },
  })
})

test('request options require user verification and name nobody by default', () => {
  assert.deepEqual(requestOptions(request), {
    rpId: 'example.org',
    challenge: 'BwcHBwcHBwcHBwcHBwcHBw',
    timeout: 300_000,
    allowCredentials: [],
    userVerification: 'required',
  })
})

test('a challenge below 16 or above 64 bytes is a bug', () => {
  for (const size of [0, 15, 65]) {
    const challenge = Buffer.alloc(size)
    assert.throws(() => creationOptions({ ...creation, challenge }), InvariantError)
    assert.throws(() => requestOptions({ ...request, challenge }), InvariantError)
  }
})

test('a user handle outside 1 to 64 bytes and an empty list of algorithms are bugs', () => {
  for (const size of [0, 65]) {
    const user = { ...creation.user, handle: Buffer.alloc(size) }
    assert.throws(() => creationOptions({ ...creation, user }), InvariantError)
  }
  assert.throws(() => creationOptions({ ...creation, algorithms: [] }), InvariantError)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { isRefusal } from '../../src/core/index.ts'
import { parseAuthenticationResponse, parseRegistrationResponse } from '../../src/webauthn/index.ts'
import { accepted, refusedAs } from './fixture.ts'

const size = (bytes: number) => Buffer.alloc(bytes, 1).toString('base64url')

const registration: any = {
  id: 'AQID',
  rawId: 'AQID',
  type: 'public-key',
  response: { clientDataJSON: 'e30', attestationObject: 'oA', transports: ['usb', 'nfc', 'usb'] },
  clientExtensionResults: { credProps: { rk: false } },
}
const authentication: any = {
  id: 'AQID',
  rawId: 'AQID',
  type: 'public-key',
  response: {
    clientDataJSON: 'e30',
    authenticatorData: 'AAAA',
    signature: 'AAAA',
    userHandle: 'AAAA',
  },
  clientExtensionResults: {},
}

test('parses a registration response and keeps unknown transports once', () => {
  const parsed = parseRegistrationResponse(registration)
  accepted(parsed)
  assert.deepEqual(parsed, {
    credentialId: 'AQID',
    clientDataJSON: new Uint8Array(Buffer.from('{}')),
    attestationObject: new Uint8Array([0xa0]),
    transports: ['usb', 'nfc'],
    discoverable: false,
  })
})

test('parses an authentication response with and without a user handle', () => {
  const parsed = parseAuthenticationResponse(authentication)
  accepted(parsed)
  assert.deepEqual(parsed.userHandle, new Uint8Array(3))
  for (const userHandle of [null, undefined]) {
    const without = parseAuthenticationResponse(
      changed(authentication, 'response.userHandle', userHandle),
    )
    accepted(without)
    assert.equal(without.userHandle, undefined)
  }
})

test('members it does not know are ignored, missing optional ones too', () => {
  accepted(parseRegistrationResponse({ ...registration, extra: 1, authenticatorAttachment: null }))
  accepted(parseRegistrationResponse(changed(registration, 'response.publicKey', 'lies')))
  const bare = parseRegistrationResponse(
    changed(changed(registration, 'response.transports', undefined), 'clientExtensionResults', {}),
  )
  accepted(bare)
  assert.deepEqual(bare.transports, [])
  assert.equal(bare.discoverable, undefined)
})

const wrongValues = [undefined, null, 1, true, [], {}, '', 'A', 'AB', 'AA==', 'A+/A', 'AA AA', 'Ä']
const required: Record<string, readonly string[]> = {
  registration: [
    'id',
    'rawId',
    'type',
    'response',
    'response.clientDataJSON',
    'response.attestationObject',
    'clientExtensionResults',
  ],
  authentication: [
    'id',
    'rawId',
    'type',
    'response',
    'response.clientDataJSON',
    'response.authenticatorData',
    'response.signature',
    'clientExtensionResults',
  ],
}

for (const path of required['registration'] ?? []) {
  test(`refuses a registration response whose ${path} is missing, of another type or not base64url`, () => {
    for (const value of wrongValues) {
      if (path === 'clientExtensionResults' && isEmptyObject(value)) continue
      refusedAs(parseRegistrationResponse(changed(registration, path, value)), 'response_malformed')
    }
  })
}

for (const path of required['authentication'] ?? []) {
  test(`refuses an authentication response whose ${path} is missing, of another type or not base64url`, () => {
    for (const value of wrongValues) {
      if (path === 'clientExtensionResults' && isEmptyObject(value)) continue
      refusedAs(
        parseAuthenticationResponse(changed(authentication, path, value)),
        'response_malformed',
      )
    }
  })
}

test('refuses a user handle that is there but wrong', () => {
  for (const value of wrongValues) {
    if (value === undefined || value === null) continue
    const response = changed(authentication, 'response.userHandle', value)
    refusedAs(parseAuthenticationResponse(response), 'response_malformed')
  }
})

test('refuses ids that differ and types of another kind', () => {
  refusedAs(parseRegistrationResponse({ ...registration, rawId: 'AQIE' }), 'response_malformed')
  refusedAs(
    parseAuthenticationResponse({ ...authentication, type: 'password' }),
    'response_malformed',
  )
})

for (const [parse, whole, path, longest] of [
  [parseRegistrationResponse, registration, 'id', 1023],
  [parseRegistrationResponse, registration, 'response.clientDataJSON', 4096],
  [parseRegistrationResponse, registration, 'response.attestationObject', 16_384],
  [parseAuthenticationResponse, authentication, 'response.authenticatorData', 4096],
  [parseAuthenticationResponse, authentication, 'response.signature', 4627],
  [parseAuthenticationResponse, authentication, 'response.userHandle', 64],
] as const) {
  test(`${path} may have ${longest} bytes and not one more`, () => {
    for (const [bytes, good] of [
      [longest, true],
      [longest + 1, false],
    ] as const) {
      const response = changed(whole, path, size(bytes))
      if (path === 'id') response.rawId = response.id
      assert.equal(isRefusal(parse(response)), !good)
    }
  })
}

test('refuses transports and extension results of other types', () => {
  for (const transports of [
    null,
    'usb',
    {},
    [1],
    ['USB'],
    [''],
    ['x'.repeat(33)],
    ['usb', null],
    Array.from({ length: 17 }, () => 'usb'),
  ]) {
    const response = changed(registration, 'response.transports', transports)
    refusedAs(parseRegistrationResponse(response), 'response_malformed')
  }
  for (const credProps of [null, true, [], { rk: 'true' }, { rk: null }]) {
    const response = changed(registration, 'clientExtensionResults', { credProps })
    refusedAs(parseRegistrationResponse(response), 'response_malformed')
  }
})

test('refuses what is no object at all', () => {
  for (const value of [undefined, null, 1, 'text', [], [registration], () => registration]) {
    refusedAs(parseRegistrationResponse(value), 'response_malformed')
    refusedAs(parseAuthenticationResponse(value), 'response_malformed')
  }
})

test('an assertion that only names a method or leaves out the proof is refused', () => {
  refusedAs(parseAuthenticationResponse({ method: 'passkey' }), 'response_malformed')
  refusedAs(parseAuthenticationResponse({ id: 'AQID' }), 'response_malformed')
})

test('inherited members do not count', () => {
  const inherited = Object.create(registration) as unknown
  refusedAs(parseRegistrationResponse(inherited), 'response_malformed')
})

test('a polluted Object.prototype changes no answer', () => {
  const prototype = Object.prototype as Record<string, unknown>
  const lies = {
    ...registration,
    ...authentication.response,
    userHandle: 'AAAA',
    transports: ['usb'],
    rk: true,
    topOrigin: 'x',
  }
  try {
    for (const [name, value] of Object.entries(lies)) {
      Object.defineProperty(prototype, name, { value, configurable: true, enumerable: false })
    }
    refusedAs(parseRegistrationResponse({}), 'response_malformed')
    refusedAs(
      parseAuthenticationResponse({ ...authentication, response: {} }),
      'response_malformed',
    )
    const parsed = parseAuthenticationResponse(
      changed(authentication, 'response.userHandle', undefined),
    )
    accepted(parsed)
    assert.equal(parsed.userHandle, undefined)
    const bare = parseRegistrationResponse({ ...registration, clientExtensionResults: {} })
    accepted(bare)
    assert.equal(bare.discoverable, undefined)
  } finally {
    for (const name of Object.keys(lies)) delete prototype[name]
  }
})

test('arbitrary JSON is refused without an exception', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.ok(isRefusal(parseRegistrationResponse(value)))
      assert.ok(isRefusal(parseAuthenticationResponse(value)))
    }),
  )
})

/** A deep copy with one member set, or removed for `undefined`. */
function changed(whole: any, path: string, value: unknown): any {
  const copy = structuredClone(whole)
  const names = path.split('.')
  const last = names.pop() ?? ''
  const holder = names.reduce((found, name) => found[name], copy)
  if (value === undefined) delete holder[last]
  else holder[last] = value
  return copy
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

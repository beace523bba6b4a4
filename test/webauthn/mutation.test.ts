import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { isRefusal } from '../../src/core/index.ts'
import {
  challengeOf,
  parseAuthenticationResponse,
  parseRegistrationResponse,
  verifyAuthentication,
  verifyRegistration,
} from '../../src/webauthn/index.ts'
import type { AuthenticationResponse, RegistrationResponse } from '../../src/webauthn/index.ts'
import { SoftAuthenticator } from '../kit/soft-authenticator.ts'
import type { AttestationChoice } from '../kit/soft-authenticator.ts'
import {
  accepted,
  expectedFor,
  newCreationOptions,
  newRequestOptions,
  origin,
  userHandle,
} from './fixture.ts'

function registration(attestation: AttestationChoice, algorithm = -7) {
  const authenticator = new SoftAuthenticator({ attestation, algorithms: [algorithm] })
  const options = newCreationOptions()
  const json = authenticator.create(options, { origin })
  const response = parseRegistrationResponse(json)
  accepted(response)
  const verify = (changed: RegistrationResponse) =>
    verifyRegistration(changed, expectedFor(options.challenge))
  const verified = verify(response)
  accepted(verified)
  return { authenticator, json, response, verify, verified }
}

function assertion(algorithm = -7) {
  const { authenticator, verified } = registration('none', algorithm)
  const options = newRequestOptions()
  const json = authenticator.get(options, { origin })
  const response = parseAuthenticationResponse(json)
  accepted(response)
  const verify = (changed: AuthenticationResponse) =>
    verifyAuthentication(
      changed,
      expectedFor(options.challenge),
      { ...verified, userHandle },
      { allowCredentials: [] },
    )
  accepted(verify(response))
  return { json, response, verify }
}

function flip(bytes: Uint8Array, at: number, mask: number): Uint8Array {
  const copy = new Uint8Array(bytes)
  copy[at] = (copy[at] ?? 0) ^ mask
  return copy
}

const masks = [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff]

test('no flipped bit or byte anywhere in a self-attested registration passes', () => {
  const { response, verify } = registration('packed-self')
  for (const part of ['clientDataJSON', 'attestationObject'] as const) {
    for (let at = 0; at < response[part].length; at++) {
      for (const mask of masks) {
        const changed = { ...response, [part]: flip(response[part], at, mask) }
        assert.ok(isRefusal(verify(changed)), `${part} byte ${at} mask ${mask}`)
      }
    }
  }
})

test('no flipped bit of a batch-attested registration passes outside its certificate', () => {
  const { response, verify } = registration('packed-x5c')
  const object = Buffer.from(response.attestationObject)
  const certificate = object.indexOf('x5c')
  const authData = object.indexOf('authData')
  for (let at = 0; at < object.length; at++) {
    if (at > certificate && at < authData) continue
    for (const mask of masks) {
      const changed = { ...response, attestationObject: flip(object, at, mask) }
      assert.ok(isRefusal(verify(changed)), `byte ${at} mask ${mask}`)
    }
  }
})

for (const algorithm of [-7, -8, -257, -48]) {
  test(`no flipped bit or byte anywhere in an assertion passes (${algorithm})`, () => {
    const { response, verify } = assertion(algorithm)
    for (const part of [
      'clientDataJSON',
      'authenticatorData',
      'signature',
      'userHandle',
    ] as const) {
      const bytes = response[part] ?? new Uint8Array()
      assert.ok(bytes.length > 0)
      for (let at = 0; at < bytes.length; at++) {
        for (const mask of masks) {
          const changed = { ...response, [part]: flip(bytes, at, mask) }
          assert.ok(isRefusal(verify(changed)), `${part} byte ${at} mask ${mask}`)
        }
      }
    }
  })
}

test('no shortened or lengthened part of an assertion passes', () => {
  const { response, verify } = assertion()
  for (const part of ['clientDataJSON', 'authenticatorData', 'signature', 'userHandle'] as const) {
    const bytes = Buffer.from(response[part] ?? [])
    for (let length = 0; length < bytes.length; length++) {
      assert.ok(isRefusal(verify({ ...response, [part]: bytes.subarray(0, length) })))
    }
    assert.ok(isRefusal(verify({ ...response, [part]: Buffer.concat([bytes, Buffer.alloc(1)]) })))
  }
})

test('no shortened or lengthened attestation object passes, whatever the format', () => {
  for (const attestation of ['none', 'packed-self', 'packed-x5c'] as const) {
    const { response, verify } = registration(attestation)
    const object = Buffer.from(response.attestationObject)
    for (let length = 0; length < object.length; length++) {
      const cut = { ...response, attestationObject: object.subarray(0, length) }
      assert.ok(isRefusal(verify(cut)))
    }
    const longer = Buffer.concat([object, Buffer.alloc(1)])
    assert.ok(isRefusal(verify({ ...response, attestationObject: longer })))
  }
})

test('arbitrary splices of a registration never raise an exception', () => {
  const cases = (['none', 'packed-self', 'packed-x5c'] as const).map((format) =>
    registration(format),
  )
  fc.assert(
    fc.property(fc.constantFrom(...cases), splice(), ({ response, verify }, change) => {
      for (const part of ['clientDataJSON', 'attestationObject'] as const) {
        const found = verify({ ...response, [part]: change(response[part]) })
        if (isRefusal(found)) assert.ok(found.status === 400 && found.code.startsWith('webauthn.'))
        else assert.equal(found.attestationTrusted, false)
      }
    }),
    { numRuns: 2000 },
  )
})

test('arbitrary splices of an assertion never raise an exception and never pass', () => {
  const { response, verify } = assertion()
  fc.assert(
    fc.property(splice(), (change) => {
      for (const part of ['clientDataJSON', 'authenticatorData', 'signature'] as const) {
        const changed = change(response[part])
        const same = Buffer.from(changed).equals(response[part])
        assert.equal(isRefusal(verify({ ...response, [part]: changed })), !same)
        challengeOf({ clientDataJSON: changed })
      }
    }),
    { numRuns: 2000 },
  )
})

test('arbitrary members in place of those of a response never raise an exception', () => {
  const whole = [registration('packed-self').json, assertion().json] as const
  const path = fc.constantFrom('id', 'rawId', 'type', 'response', 'clientExtensionResults')
  const inner = fc.constantFrom(
    'clientDataJSON',
    'attestationObject',
    'authenticatorData',
    'signature',
    'userHandle',
    'transports',
    '__proto__',
  )
  fc.assert(
    fc.property(path, inner, fc.jsonValue(), (name, member, value) => {
      for (const json of whole) {
        const outer = { ...json, [name]: value }
        const deep = { ...json, response: { ...json.response, [member]: value } }
        for (const changed of [outer, deep]) parseAndRead(changed)
      }
    }),
  )
})

test('a polluted Object.prototype lets nothing through', () => {
  const good = assertion()
  const embedded = Buffer.from(
    Buffer.from(good.response.clientDataJSON).toString().replace('false', 'true'),
  )
  const prototype = Object.prototype as Record<string, unknown>
  const lies = { crossOrigin: false, topOrigin: undefined, origin, userVerified: true, code: 'ok' }
  try {
    for (const [name, value] of Object.entries(lies)) {
      Object.defineProperty(prototype, name, { value, configurable: true, writable: true })
    }
    accepted(good.verify(good.response))
    assert.ok(isRefusal(good.verify({ ...good.response, clientDataJSON: embedded })))
    const empty = { ...good.response, clientDataJSON: Buffer.from('{}') }
    assert.ok(isRefusal(good.verify(empty)))
  } finally {
    for (const name of Object.keys(lies)) delete prototype[name]
  }
})

function parseAndRead(json: unknown): void {
  for (const parse of [parseRegistrationResponse, parseAuthenticationResponse]) {
    const parsed = parse(json)
    if (!isRefusal(parsed)) challengeOf(parsed)
  }
}

/** Removes some bytes somewhere and puts others in their place. */
function splice() {
  return fc
    .tuple(fc.nat(1000), fc.nat(8), fc.uint8Array({ maxLength: 8 }))
    .map(([where, removed, added]) => (bytes: Uint8Array) => {
      const at = where % (bytes.length + 1)
      return new Uint8Array([...bytes.subarray(0, at), ...added, ...bytes.subarray(at + removed)])
    })
}

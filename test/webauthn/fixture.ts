import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'

import { isRefusal } from '../../src/core/index.ts'
import {
  creationOptions,
  knownAlgorithms,
  parseAuthenticationResponse,
  parseRegistrationResponse,
  requestOptions,
  verifyAuthentication,
  verifyRegistration,
} from '../../src/webauthn/index.ts'
import type {
  ExpectedCeremony,
  StoredCredential,
  VerifiedAuthentication,
  VerifiedRegistration,
} from '../../src/webauthn/index.ts'
import type { Refusal } from '../../src/core/index.ts'
import { SoftAuthenticator } from '../kit/soft-authenticator.ts'
import type { AuthenticationHooks, Device, RegistrationHooks } from '../kit/soft-authenticator.ts'

export const rpId = 'proofgate.localhost'
export const origin = 'http://auth.proofgate.localhost:8080'
export const userHandle = Buffer.from('0123456789abcdef0123456789abcdef')
export const everyAlgorithm = knownAlgorithms

export type Hooks<Of> = Partial<Of> & { readonly expected?: Partial<ExpectedCeremony> }

export function newCreationOptions(algorithms = everyAlgorithm) {
  return creationOptions({
    rp: { id: rpId, name: 'Proofgate' },
    user: { handle: userHandle, name: 'ada', displayName: 'Ada' },
    challenge: randomBytes(32),
    excludeCredentials: [],
    timeoutMillis: 300_000,
    algorithms,
    attestation: 'none',
  })
}

export function newRequestOptions(allowed: readonly string[] = []) {
  return requestOptions({
    rpId,
    challenge: randomBytes(32),
    allowCredentials: allowed.map((id) => ({ id, transports: [] })),
    timeoutMillis: 300_000,
  })
}

export function expectedFor(challenge: string, changes: Partial<ExpectedCeremony> = {}) {
  const expected: ExpectedCeremony = {
    challenge,
    origins: [origin],
    rpId,
    userVerification: 'required',
    algorithms: everyAlgorithm,
  }
  return { ...expected, ...changes }
}

/** One whole registration with what the hooks put wrong. */
export function register(
  device: Partial<Device> = {},
  hooks: Hooks<RegistrationHooks> = {},
): VerifiedRegistration | Refusal {
  return registerWith(new SoftAuthenticator(device), hooks)
}

export function registerWith(
  authenticator: SoftAuthenticator,
  hooks: Hooks<RegistrationHooks> = {},
): VerifiedRegistration | Refusal {
  const options = newCreationOptions()
  const json = authenticator.create(options, { origin, ...hooks })
  const response = parseRegistrationResponse(JSON.parse(JSON.stringify(json)))
  if (isRefusal(response)) return response
  return verifyRegistration(response, expectedFor(options.challenge, hooks.expected))
}

/** An authenticator with one registered credential, and its record. */
export function enrolled(device: Partial<Device> = {}): {
  authenticator: SoftAuthenticator
  stored: StoredCredential
} {
  const authenticator = new SoftAuthenticator(device)
  const verified = registerWith(authenticator)
  accepted(verified)
  return { authenticator, stored: { ...verified, userHandle } }
}

/** One whole authentication with what the hooks put wrong. */
export function authenticate(
  { authenticator, stored }: { authenticator: SoftAuthenticator; stored: StoredCredential },
  hooks: Hooks<AuthenticationHooks> & {
    readonly allowed?: readonly string[]
    readonly record?: Partial<StoredCredential> | 'unknown'
  } = {},
): VerifiedAuthentication | Refusal {
  const options = newRequestOptions(hooks.allowed)
  const json = authenticator.get(options, { origin, ...hooks })
  const response = parseAuthenticationResponse(JSON.parse(JSON.stringify(json)))
  if (isRefusal(response)) return response
  return verifyAuthentication(
    response,
    expectedFor(options.challenge, hooks.expected),
    hooks.record === 'unknown' ? undefined : { ...stored, ...hooks.record },
    { allowCredentials: hooks.allowed ?? [] },
  )
}

export function accepted<Value>(value: Value | Refusal): asserts value is Value {
  if (isRefusal(value)) assert.fail(`refused: ${value.code} (${value.detail ?? ''})`)
}

export function refusedAs(value: unknown, code: string, status = 400): void {
  assert.ok(isRefusal(value), `was not refused, expected ${code}`)
  assert.equal(value.code, `webauthn.${code}`, value.detail ?? code)
  assert.equal(value.status, status)
}

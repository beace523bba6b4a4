import { invariant, toBase64url } from '../core/index.ts'
import type { CoseAlgorithm } from './cose-key.ts'

/** How much clients are asked to pass on of what a device says about itself (WebAuthn L3 5.4.7). */
export type AttestationConveyance = 'none' | 'direct' | 'enterprise'

/** A credential named in options. `id` is base64url. */
export interface CredentialHint {
  readonly id: string
  readonly transports: readonly string[]
}

/** PublicKeyCredentialDescriptorJSON (WebAuthn L3 5.1.8). Wire spelling, as the next two. */
export interface PublicKeyCredentialDescriptorJSON {
  readonly type: 'public-key'
  readonly id: string
  readonly transports?: readonly string[]
}

/** What `PublicKeyCredential.parseCreationOptionsFromJSON()` takes. */
export interface PublicKeyCredentialCreationOptionsJSON {
  readonly rp: { readonly id: string; readonly name: string }
  readonly user: { readonly id: string; readonly name: string; readonly displayName: string }
  readonly challenge: string
  readonly pubKeyCredParams: readonly { readonly type: 'public-key'; readonly alg: number }[]
  readonly timeout: number
  readonly excludeCredentials: readonly PublicKeyCredentialDescriptorJSON[]
  readonly authenticatorSelection: {
    readonly residentKey: 'required'
    readonly requireResidentKey: true
    readonly userVerification: 'required'
  }
  readonly attestation: AttestationConveyance
  readonly extensions: { readonly credProps: true }
}

/** What `PublicKeyCredential.parseRequestOptionsFromJSON()` takes. */
export interface PublicKeyCredentialRequestOptionsJSON {
  readonly rpId: string
  readonly challenge: string
  readonly timeout: number
  readonly allowCredentials: readonly PublicKeyCredentialDescriptorJSON[]
  readonly userVerification: 'required'
}

/**
 * Options for a discoverable credential with user verification (WebAuthn L3 5.4).
 * `user.handle` is 1 to 64 random bytes that name nobody; `challenge` is at least 16 random bytes, for
 * one use; `algorithms` in order of preference.
 */
export function creationOptions(input: {
  readonly rp: { readonly id: string; readonly name: string }
  readonly user: {
    readonly handle: Uint8Array
    readonly name: string
    readonly displayName: string
  }
  readonly challenge: Uint8Array
  readonly excludeCredentials: readonly CredentialHint[]
  readonly timeoutMillis: number
  readonly algorithms: readonly CoseAlgorithm[]
  readonly attestation: AttestationConveyance
}): PublicKeyCredentialCreationOptionsJSON {
  const { rp, user } = input
  invariant(user.handle.byteLength >= 1 && user.handle.byteLength <= 64, 'user handle: 1-64 bytes')
  invariant(input.algorithms.length > 0, 'at least one algorithm has to be offered')
  return {
    rp: { id: rp.id, name: rp.name },
    user: { id: toBase64url(user.handle), name: user.name, displayName: user.displayName },
    challenge: encodeChallenge(input.challenge),
    pubKeyCredParams: input.algorithms.map((alg) => ({ type: 'public-key', alg })),
    timeout: input.timeoutMillis,
    excludeCredentials: input.excludeCredentials.map(descriptor),
    authenticatorSelection: {
      residentKey: 'required',
      requireResidentKey: true,
      userVerification: 'required',
    },
    attestation: input.attestation,
    extensions: { credProps: true },
  }
}

/**
 * Options for an authentication with user verification (WebAuthn L3 5.5). An empty `allowCredentials`
 * lets the person choose a discoverable credential and tells nothing about who has which.
 */
export function requestOptions(input: {
  readonly rpId: string
  readonly challenge: Uint8Array
  readonly allowCredentials: readonly CredentialHint[]
  readonly timeoutMillis: number
}): PublicKeyCredentialRequestOptionsJSON {
  return {
    rpId: input.rpId,
    challenge: encodeChallenge(input.challenge),
    timeout: input.timeoutMillis,
    allowCredentials: input.allowCredentials.map(descriptor),
    userVerification: 'required',
  }
}

/** WebAuthn L3 13.4.3: at least 16 bytes. `challengeOf` reads at most 64. */
function encodeChallenge(challenge: Uint8Array): string {
  invariant(challenge.byteLength >= 16 && challenge.byteLength <= 64, 'challenge: 16-64 bytes')
  return toBase64url(challenge)
}

function descriptor(hint: CredentialHint): PublicKeyCredentialDescriptorJSON {
  const { id, transports } = hint
  return { type: 'public-key', id, ...(transports.length > 0 && { transports: [...transports] }) }
}

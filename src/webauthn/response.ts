import { isJsonObject, ownProperty, parseBase64url } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import { webauthnErrors } from './errors.ts'

/** RegistrationResponseJSON (WebAuthn L3 5.1): what `toJSON()` of a new credential gives. Wire spelling. */
export interface RegistrationResponseJSON {
  readonly id: string
  readonly rawId: string
  readonly type: 'public-key'
  readonly response: {
    readonly clientDataJSON: string
    readonly attestationObject: string
    readonly transports?: readonly string[]
  }
  readonly authenticatorAttachment?: string
  readonly clientExtensionResults: { readonly credProps?: { readonly rk?: boolean } }
}

/** AuthenticationResponseJSON (WebAuthn L3 5.1). Wire spelling. */
export interface AuthenticationResponseJSON {
  readonly id: string
  readonly rawId: string
  readonly type: 'public-key'
  readonly response: {
    readonly clientDataJSON: string
    readonly authenticatorData: string
    readonly signature: string
    readonly userHandle?: string
  }
  readonly authenticatorAttachment?: string
  readonly clientExtensionResults: Readonly<Record<string, unknown>>
}

/** A registration response after parsing: bounded, decoded, nothing verified. */
export interface RegistrationResponse {
  /** Base64url of 1 to 1023 bytes (WebAuthn L3 7.1 step 25). */
  readonly credentialId: string
  readonly clientDataJSON: Uint8Array
  readonly attestationObject: Uint8Array
  /** What the client says; unsigned, kept as a hint for later options. */
  readonly transports: readonly string[]
  /** `credProps.rk` of the client; unsigned. */
  readonly discoverable: boolean | undefined
}

/** An authentication response after parsing: bounded, decoded, nothing verified. */
export interface AuthenticationResponse {
  /** Base64url of 1 to 1023 bytes. */
  readonly credentialId: string
  readonly clientDataJSON: Uint8Array
  readonly authenticatorData: Uint8Array
  readonly signature: Uint8Array
  /** 1 to 64 bytes. */
  readonly userHandle: Uint8Array | undefined
}

/** Longest of each field, in bytes. */
const limit = {
  credentialId: 1023,
  clientDataJSON: 4096,
  attestationObject: 16_384,
  authenticatorData: 4096,
  /** ML-DSA-87 has the longest. */
  signature: 4627,
  userHandle: 64,
  transports: 16,
} as const
const transport = /^[a-z0-9-]{1,32}$/

/** Parses a RegistrationResponseJSON. Members it does not know are ignored. */
export function parseRegistrationResponse(value: unknown): RegistrationResponse | Refusal {
  const outer = parseOuter(value)
  if (typeof outer === 'string') return refuse(outer)
  const clientDataJSON = bytesMember(outer.response, 'clientDataJSON', limit.clientDataJSON)
  if (clientDataJSON === undefined) return refuse('clientDataJSON')
  const attestationObject = bytesMember(
    outer.response,
    'attestationObject',
    limit.attestationObject,
  )
  if (attestationObject === undefined) return refuse('attestationObject')
  const transports = parseTransports(ownProperty(outer.response, 'transports'))
  if (transports === undefined) return refuse('transports')
  const discoverable = parseDiscoverable(outer.extensions)
  if (discoverable === 'malformed') return refuse('credProps')
  const { credentialId } = outer
  return { credentialId, clientDataJSON, attestationObject, transports, discoverable }
}

/** Parses an AuthenticationResponseJSON. Members it does not know are ignored. */
export function parseAuthenticationResponse(value: unknown): AuthenticationResponse | Refusal {
  const outer = parseOuter(value)
  if (typeof outer === 'string') return refuse(outer)
  const { response, credentialId } = outer
  const clientDataJSON = bytesMember(response, 'clientDataJSON', limit.clientDataJSON)
  if (clientDataJSON === undefined) return refuse('clientDataJSON')
  const authenticatorData = bytesMember(response, 'authenticatorData', limit.authenticatorData)
  if (authenticatorData === undefined) return refuse('authenticatorData')
  const signature = bytesMember(response, 'signature', limit.signature)
  if (signature === undefined) return refuse('signature')
  // Some clients say "none" by leaving the member out, some by null.
  const absent = (ownProperty(response, 'userHandle') ?? null) === null
  const userHandle = bytesMember(response, 'userHandle', limit.userHandle)
  if (!absent && userHandle === undefined) return refuse('userHandle')
  return { credentialId, clientDataJSON, authenticatorData, signature, userHandle }
}

interface Outer {
  readonly credentialId: string
  readonly response: object
  readonly extensions: object
}

/** What both shapes share, or the name of the member that is wrong. */
function parseOuter(value: unknown): Outer | string {
  if (!isJsonObject(value)) return 'no object'
  const credentialId = ownProperty(value, 'id')
  const response = ownProperty(value, 'response')
  const extensions = ownProperty(value, 'clientExtensionResults')
  if (ownProperty(value, 'type') !== 'public-key') return 'type'
  if (typeof credentialId !== 'string') return 'id'
  if (bytesMember(value, 'id', limit.credentialId) === undefined) return 'id'
  if (ownProperty(value, 'rawId') !== credentialId) return 'rawId'
  if (!isJsonObject(response)) return 'response'
  if (!isJsonObject(extensions)) return 'clientExtensionResults'
  return { credentialId, response, extensions }
}

/** A non-empty base64url member of at most `longest` bytes. */
function bytesMember(object: object, name: string, longest: number): Uint8Array | undefined {
  const text = ownProperty(object, name)
  if (typeof text !== 'string' || text === '') return undefined
  return text.length <= Math.ceil((longest * 4) / 3) ? parseBase64url(text) : undefined
}

/** Unknown transports are kept, as WebAuthn L3 5.2.1 asks: the client may know them. */
function parseTransports(value: unknown): readonly string[] | undefined {
  if (value === undefined) return []
  if (!Array.isArray(value) || value.length > limit.transports) return undefined
  const items = value as readonly unknown[]
  const names = items.filter(
    (item): item is string => typeof item === 'string' && transport.test(item),
  )
  return names.length === items.length ? [...new Set(names)] : undefined
}

function parseDiscoverable(extensions: object): boolean | undefined | 'malformed' {
  const properties = ownProperty(extensions, 'credProps')
  if (properties === undefined) return undefined
  if (!isJsonObject(properties)) return 'malformed'
  const discoverable = ownProperty(properties, 'rk')
  return discoverable === undefined || typeof discoverable === 'boolean'
    ? discoverable
    : 'malformed'
}

function refuse(member: string): Refusal {
  return webauthnErrors.refuse('response_malformed', `not acceptable: ${member}`)
}

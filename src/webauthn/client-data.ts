import {
  equalText,
  isJsonObject,
  isRefusal,
  ownProperty,
  parseBase64url,
  parseJson,
} from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import { refuseCheck, shown, webauthnErrors } from './errors.ts'
import type { Ceremony } from './errors.ts'

/** What one ceremony of ours must look like; all of it comes from the stored ceremony, never from a request. */
export interface ExpectedClientData {
  /** Base64url, as it went out in the options. */
  readonly challenge: string
  /** Serialized origins, compared exactly. */
  readonly origins: readonly string[]
}

/** The members of CollectedClientData (WebAuthn L3 5.8.1) that are judged. Others are ignored, as are `tokenBinding` (reserved) and additions. */
export interface ClientData {
  readonly type: string
  readonly challenge: string
  readonly origin: string
  readonly crossOrigin: boolean
  /** Whether there is a `topOrigin` at all, whatever it says. */
  readonly topOrigin: boolean
}

const jsonLimits = { length: 4096, depth: 8 }
/** Strips one leading byte order mark, as UTF-8 decode does; refuses invalid UTF-8 where it would repair. */
const utf8 = new TextDecoder('utf-8', { fatal: true })
const expectedType: Record<Ceremony, string> = {
  registration: 'webauthn.create',
  assertion: 'webauthn.get',
}

/** WebAuthn L3 7.1 steps 5-6, 7.2 steps 8-9. */
export function parseClientData(bytes: Uint8Array): ClientData | Refusal {
  const json = parseJson(decodeUtf8(bytes), jsonLimits)
  if (!isJsonObject(json)) return refuse('no unambiguous JSON object')
  const type = ownProperty(json, 'type')
  const challenge = ownProperty(json, 'challenge')
  const origin = ownProperty(json, 'origin')
  const crossOrigin = ownProperty(json, 'crossOrigin') ?? false
  if (typeof type !== 'string') return refuse('type is no string')
  if (typeof challenge !== 'string') return refuse('challenge is no string')
  if (typeof origin !== 'string') return refuse('origin is no string')
  if (typeof crossOrigin !== 'boolean') return refuse('crossOrigin is no boolean')
  return { type, challenge, origin, crossOrigin, topOrigin: Object.hasOwn(json, 'topOrigin') }
}

/** WebAuthn L3 7.1 steps 5-11, 7.2 steps 8-14, in their order. `undefined` = all hold. */
export function checkClientData(
  bytes: Uint8Array,
  ceremony: Ceremony,
  expected: ExpectedClientData,
): Refusal | undefined {
  const client = parseClientData(bytes)
  if (isRefusal(client)) return client

  // 7.1 step 7, 7.2 step 10
  if (client.type !== expectedType[ceremony]) {
    return refuseCheck(ceremony, 'type_mismatch', `found type ${shown(client.type)}`)
  }
  // 7.1 step 8, 7.2 step 11
  if (!equalText(client.challenge, expected.challenge)) {
    return refuseCheck(ceremony, 'challenge_mismatch')
  }
  // 7.1 step 9, 7.2 step 12
  if (!expected.origins.includes(client.origin)) {
    const found = `found origin ${shown(client.origin)}, expected ${expected.origins.join(' or ')}`
    return refuseCheck(ceremony, 'origin_not_allowed', found)
  }
  // 7.1 step 10, 7.2 step 13: no ceremony of ours runs inside a frame of another origin
  if (client.crossOrigin) return refuseCheck(ceremony, 'cross_origin', 'crossOrigin is true')
  // 7.1 step 11, 7.2 step 14
  if (client.topOrigin) return refuseCheck(ceremony, 'cross_origin', 'there is a topOrigin')
  return undefined
}

/**
 * The challenge (base64url, 16 to 64 bytes) that a response claims to answer, so that the stored
 * ceremony can be taken before anything is verified. Says nothing about whether the claim is true.
 */
export function challengeOf(response: { readonly clientDataJSON: Uint8Array }): string | undefined {
  const client = parseClientData(response.clientDataJSON)
  if (isRefusal(client)) return undefined
  const length = parseBase64url(client.challenge)?.byteLength ?? 0
  return length >= 16 && length <= 64 ? client.challenge : undefined
}

/** The empty text for invalid UTF-8: no JSON either. */
function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    return ''
  }
}

function refuse(detail: string): Refusal {
  return webauthnErrors.refuse('client_data_malformed', detail)
}

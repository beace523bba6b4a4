import { isJsonObject, isRefusal, ownProperty, viewBase64url, parseJson } from '../core/index.ts'
import type { Instant, Json, JsonObject, Refusal } from '../core/index.ts'
import { verifyJws } from '../token/index.ts'
import type { JwsAlgorithm } from '../token/index.ts'
import { signerKey } from './chain.ts'
import { isDay, parseEntries } from './entries.ts'
import { metadataErrors } from './errors.ts'
import type { Model } from './model.ts'
import type { Judging } from './settings.ts'

/** A list that was verified. */
export interface Blob {
  /** Its number: every newer list has a higher one. */
  readonly no: number
  /** The day it is to be replaced by, as its first moment. */
  readonly nextUpdate: Instant
  readonly models: readonly Model[]
}

/** Characters: the list of the FIDO Alliance has about ten million. */
export const longestBlob = 33_554_432
const longestHeader = 65_536
const deepest = 16
const algorithms: readonly JwsAlgorithm[] = ['ES256', 'ES384', 'RS256', 'RS384', 'RS512', 'PS256']
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * FIDO MDS 3.1 section 3.2: signer, signature, then content.
 *
 * Invariant: the key comes from certificates that lead to a root and from nowhere else; a header that offers
 * another key or an address of one (`jwk`, `jku`, `x5u`) is refused, as is one with extensions.
 */
export function readBlob(text: string, judging: Judging): Blob | Refusal {
  const parts = text.length > longestBlob ? [] : text.trim().split('.', 4)
  const [encodedHeader = '', encodedPayload = '', encodedSignature = ''] = parts
  const header = parts.length === 3 ? parseHeader(encodedHeader) : undefined
  const payload = viewBase64url(encodedPayload)
  const signature = viewBase64url(encodedSignature)
  if (header === undefined || payload === undefined || signature === undefined) {
    return metadataErrors.refuse('malformed', 'no compact JWS with x5c')
  }
  const { algorithm, chain } = header
  if (algorithm === undefined) return metadataErrors.refuse('signature', 'alg is not accepted')
  const key = signerKey(chain, judging)
  if (isRefusal(key)) return key
  const signingInput = `${encodedHeader}.${encodedPayload}`
  const unnamed = { type: undefined, keyId: undefined, embeddedKey: undefined }
  const jws = { algorithm, ...unnamed, signingInput, payload, signature }
  if (!verifyJws(jws, key, algorithm)) return metadataErrors.refuse('signature')
  return parseContent(parseObject(payload, longestBlob))
}

function parseHeader(
  part: string,
): { algorithm: JwsAlgorithm | undefined; chain: readonly Uint8Array[] } | undefined {
  const bytes = part.length > longestHeader ? undefined : viewBase64url(part)
  const header = bytes && parseObject(bytes, longestHeader)
  if (header === undefined) return undefined
  const refused = ['crit', 'b64', 'jwk', 'jku', 'x5u']
  if (refused.some((name) => Object.hasOwn(header, name))) return undefined
  const chain = ownProperty(header, 'x5c')
  if (!Array.isArray(chain) || chain.length === 0) return undefined
  const ders = (chain as readonly Json[]).flatMap((one) => parseBase64(one) ?? [])
  if (ders.length !== chain.length) return undefined
  const named = ownProperty(header, 'alg')
  return { algorithm: algorithms.find((one) => one === named), chain: ders }
}

/** Standard base64 with padding (RFC 7515 4.1.6), in its one spelling. */
function parseBase64(value: Json): Uint8Array | undefined {
  if (typeof value !== 'string') return undefined
  const bytes = Buffer.from(value, 'base64')
  return bytes.toString('base64') === value ? new Uint8Array(bytes) : undefined
}

function parseObject(bytes: Uint8Array, length: number): JsonObject | undefined {
  try {
    const value = parseJson(utf8.decode(bytes), { length, depth: deepest })
    return isJsonObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function parseContent(content: JsonObject | undefined): Blob | Refusal {
  const refuse = (what: string): Refusal => metadataErrors.refuse('malformed', what)
  if (content === undefined) return refuse('the payload is no unambiguous JSON object')
  const no = ownProperty(content, 'no')
  const nextUpdate = ownProperty(content, 'nextUpdate')
  if (typeof no !== 'number' || !Number.isSafeInteger(no) || no < 0) return refuse('no: no number')
  if (typeof nextUpdate !== 'string' || !isDay(nextUpdate)) return refuse('nextUpdate: no day')
  const models = parseEntries(ownProperty(content, 'entries') as Json | undefined)
  return typeof models === 'string'
    ? refuse(models)
    : { no, nextUpdate: Date.parse(nextUpdate), models }
}

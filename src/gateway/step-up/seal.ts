import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { isJsonObject, ownProperty, parseJson } from '../../core/index.ts'
import type { StepUp } from '../../session/index.ts'

/** A request as it will be sent again. */
export interface KeptRequest {
  /** Path and query, as they came. */
  readonly target: string
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  readonly body: Buffer
}

/** What a kept request is good for: it opens for nothing else. */
export type Binding = Pick<StepUp, 'personId' | 'api' | 'route' | 'method'>

const cipher = 'aes-256-gcm'
const [nonceLength, tagLength] = [12, 16]

/**
 * Makes a request readable with the browser's value and the secret of its step-up only, so that the store
 * alone cannot read it.
 */
export function sealRequest(
  kept: KeptRequest,
  secrets: { readonly browser: string; readonly stepUp: string },
  binding: Binding,
): string {
  const { target, contentType, contentEncoding, body } = kept
  const head = Buffer.from(JSON.stringify({ target, contentType, contentEncoding }))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(head.length)
  const nonce = randomBytes(nonceLength)
  const sealing = createCipheriv(cipher, keyOf(secrets), nonce).setAAD(boundTo(binding))
  const sealed = [sealing.update(length), sealing.update(head), sealing.update(body)]
  return Buffer.concat([nonce, ...sealed, sealing.final(), sealing.getAuthTag()]).toString(
    'base64url',
  )
}

/** @returns `undefined` for what was sealed with other secrets, for something else, or was changed since. */
export function openRequest(
  sealed: string,
  secrets: { readonly browser: string; readonly stepUp: string },
  binding: Binding,
): KeptRequest | undefined {
  const bytes = Buffer.from(sealed, 'base64url')
  if (bytes.length < nonceLength + tagLength) return undefined
  const opening = createDecipheriv(cipher, keyOf(secrets), bytes.subarray(0, nonceLength), {
    authTagLength: tagLength,
  })
    .setAAD(boundTo(binding))
    .setAuthTag(bytes.subarray(-tagLength))
  try {
    const plain = opening.update(bytes.subarray(nonceLength, -tagLength))
    opening.final()
    return readKept(plain)
  } catch {
    return undefined
  }
}

function readKept(plain: Buffer): KeptRequest | undefined {
  const bodyAt = 4 + plain.readUInt32BE(0)
  const head = parseJson(plain.toString('utf8', 4, bodyAt), { length: 32 * 1024, depth: 2 })
  const target = isJsonObject(head) ? ownProperty(head, 'target') : undefined
  if (!isJsonObject(head) || typeof target !== 'string') return undefined
  return {
    target,
    contentType: textOf(ownProperty(head, 'contentType')),
    contentEncoding: textOf(ownProperty(head, 'contentEncoding')),
    body: plain.subarray(bodyAt),
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** RFC 5869. A key for each request: both secrets are random and 256 bits long. */
function keyOf({ browser, stepUp }: { browser: string; stepUp: string }): Buffer {
  return Buffer.from(hkdfSync('sha256', browser, stepUp, 'proofgate/kept-request', 32))
}

function boundTo({ personId, api, route, method }: Binding): Buffer {
  return Buffer.from(JSON.stringify([personId, api, route, method]))
}

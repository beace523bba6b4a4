/**
 * The cryptography that verifying a request signed by AWS Signature Version 4 would take, and nothing else.
 * Proofgate has no such feature: this is the floor below which nothing could be that had it.
 */
import { createHmac, hash, timingSafeEqual } from 'node:crypto'

const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
const DATE = '20261122'
const SCOPE = `${DATE}/eu-central-1/execute-api/aws4_request`
const SIGNED_HEADERS = 'host;x-amz-content-sha256;x-amz-date;x-amz-security-token'
const EMPTY_BODY = hash('sha256', '')

export interface SignedRequest {
  readonly moment: string
  readonly canonical: string
  readonly signature: Buffer
}

/** A GET as large as those that the benchmark sends, with a session token as temporary credentials have it. */
export function signedRequest(number: number): SignedRequest {
  const moment = `${DATE}T${String(number % 240_000).padStart(6, '0')}Z`
  const canonical = [
    'GET',
    '/orders/1',
    `page=${number}`,
    'host:api.proofgate.localhost:8080',
    `x-amz-content-sha256:${EMPTY_BODY}`,
    `x-amz-date:${moment}`,
    `x-amz-security-token:${'t'.repeat(600)}`,
    '',
    SIGNED_HEADERS,
    EMPTY_BODY,
  ].join('\n')
  return { moment, canonical, signature: signatureOf(signingKey(), moment, canonical) }
}

/** Four keyed hashes, which are the same for a whole day and could be kept. */
export function signingKey(): Buffer {
  let key = keyed(`AWS4${SECRET}`, DATE)
  for (const part of ['eu-central-1', 'execute-api', 'aws4_request']) key = keyed(key, part)
  return key
}

/** One hash over the request, one keyed hash, and a comparison that takes the same time whatever differs. */
export function isSignedBy(key: Buffer, request: SignedRequest): boolean {
  const expected = signatureOf(key, request.moment, request.canonical)
  return timingSafeEqual(expected, request.signature)
}

function signatureOf(key: Buffer, moment: string, canonical: string): Buffer {
  return keyed(key, `AWS4-HMAC-SHA256\n${moment}\n${SCOPE}\n${hash('sha256', canonical)}`)
}

function keyed(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

/**
 * For services and auditors: verifies what the gateway forwards or records of a request-bound proof, with
 * WebCrypto alone (docs/proof-format.md). One file, no imports; runs in Node, browsers and workers. Verifies
 * keys of ES256, EdDSA (Ed25519) and RS256; of ML-DSA where WebCrypto has it, and refuses them elsewhere.
 */

/** The request as the caller sent it to the API. */
export interface ReceivedRequest {
  readonly method: string
  /** Host, and port where it is not the scheme's own, of the API's address; lower case. */
  readonly authority: string
  /** Path and query. */
  readonly target: string
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>
  readonly content: Uint8Array
}

export interface Expected {
  /** The relying party that the keys are registered with. */
  readonly rpId: string
  /** Where the sign-in pages are. */
  readonly origins: readonly string[]
  /** Headers that have to be bound at least; `content-type` always is. */
  readonly headers?: readonly string[]
  /** Keys you know: COSE_Key in base64url, by credential id. `evidence` believes those that come along. */
  readonly keys: Readonly<Record<string, string>> | 'evidence'
  /** Without it the request is not compared: for auditors who have no more of it. */
  readonly request: ReceivedRequest | undefined
  /** Milliseconds since 1970; `undefined` for evidence of the past. */
  readonly now: number | undefined
  /** Milliseconds that clocks may differ; 60,000 unless given. */
  readonly tolerance?: number
}

const order = [
  'id',
  'request',
  'method',
  'authority',
  'target',
  'sentence',
  'audience',
  'subject',
  'name',
  'session',
  'token',
  'client',
  'address',
  'configuration',
  'decision',
] as const

/** Its texts, and who had to touch a key; docs/proof-format.md says what each is. */
export interface VerifiedStatement extends Readonly<Record<(typeof order)[number], string>> {
  readonly approvers: {
    readonly self: boolean
    readonly others: number
    readonly groups: readonly string[]
    readonly attested: boolean
    readonly separate: boolean
  }
  readonly issuedAt: number
  readonly expiresAt: number
}

export interface VerifiedTouch {
  readonly credentialId: string
  /** What the gateway says of whose key it is; what a key signed says nothing of that. */
  readonly approver: string
  readonly username: string
  readonly groups: readonly string[]
  readonly attested: boolean
  readonly origin: string
}

export interface VerifiedProof {
  readonly statement: VerifiedStatement
  readonly touches: readonly VerifiedTouch[]
}

/** The evidence does not prove what was asked; the message says why, for a log. */
export class ProofNotVerified extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ProofNotVerified'
  }
}

type Bytes = Uint8Array<ArrayBuffer>
type Members = Readonly<Record<string, unknown>>

/**
 * @param evidence - the value of `X-Proofgate-Evidence`, or the object in it.
 * @throws ProofNotVerified
 */
export async function verifyProof(
  evidence: string | object,
  expected: Expected,
): Promise<VerifiedProof> {
  const { text, headers, touches } = readEvidence(evidence)
  const statement = readStatement(text)
  checkTime(statement, expected)
  for (const name of ['content-type', ...(expected.headers ?? [])]) {
    if (!headers.includes(name.toLowerCase())) fail(`the header ${name} is not bound`)
  }
  if (expected.request !== undefined) await checkRequest(statement, headers, expected.request)
  const verified: VerifiedTouch[] = []
  for (const touch of touches) verified.push(await verifyTouch(membersOf(touch), text, expected))
  checkApprovers(statement, verified)
  return { statement, touches: verified }
}

const mostTouches = 32

function readEvidence(evidence: string | object): {
  text: string
  headers: readonly string[]
  touches: readonly unknown[]
} {
  const found = typeof evidence === 'string' ? parse(unbase64(evidence)) : membersOf(evidence)
  const { type, statement: text, headers, touches } = found
  if (type !== 'proofgate-evidence/1') fail('it is no proofgate-evidence/1')
  if (typeof text !== 'string' || !isTexts(headers) || !Array.isArray(touches)) {
    return fail('it is not whole')
  }
  if (touches.length === 0 || touches.length > mostTouches) fail('there is no touch, or too many')
  return { text, headers, touches }
}

/** Invariant: the text is the only one for what it says, so that nobody reads another statement in it. */
function readStatement(text: string): VerifiedStatement {
  const found = parse(utf8(text))
  const { self, others, groups, attested, separate } = membersOf(found['approvers'])
  const approvers = { self, others, groups, attested, separate }
  const { issuedAt, expiresAt } = found
  const texts = Object.fromEntries(order.map((name) => [name, found[name]]))
  const members = { ...texts, approvers, issuedAt, expiresAt }
  const isShaped =
    order.every((name) => typeof found[name] === 'string') &&
    [self, attested, separate].every((flag) => typeof flag === 'boolean') &&
    [others, issuedAt, expiresAt].every(Number.isSafeInteger) &&
    isTexts(groups)
  const printed = JSON.stringify({ type: 'proofgate-statement/1', scope: 'once', ...members })
  if (!isShaped || printed !== text) fail('the statement is none of ours')
  return members as unknown as VerifiedStatement
}

function checkTime(
  { issuedAt, expiresAt }: VerifiedStatement,
  { now, tolerance = 60_000 }: Expected,
): void {
  if (now === undefined) return
  if (now < issuedAt - tolerance) fail('it is of the future')
  if (now >= expiresAt + tolerance) fail('it has expired')
}

async function checkRequest(
  statement: VerifiedStatement,
  names: readonly string[],
  request: ReceivedRequest,
): Promise<void> {
  const canonical = JSON.stringify([
    'proofgate-request/1',
    request.method,
    request.authority,
    request.target,
    names.map((name) => [name, valuesOf(request.headers, name)]),
    encode(await sha256(Uint8Array.from(request.content))),
  ])
  if (encode(await sha256(utf8(canonical))) !== statement.request) fail('it is for another request')
}

function valuesOf(headers: ReceivedRequest['headers'], name: string): readonly string[] {
  if (headers instanceof Headers) {
    const value = headers.get(name)
    return value === null ? [] : [value]
  }
  return Object.entries(headers).flatMap(([key, value]) =>
    key.toLowerCase() === name ? [value ?? []].flat() : [],
  )
}

/** WebAuthn L3 7.2, for a challenge that is computed here. */
async function verifyTouch(
  touch: Members,
  statement: string,
  { rpId, origins, keys }: Expected,
): Promise<VerifiedTouch> {
  const who = readApprover(touch)
  const key = keys === 'evidence' ? touch['publicKey'] : ownKey(keys, who.credentialId)
  if (typeof key !== 'string') fail(`the key ${who.credentialId} is not known`)
  const clientData = bytesIn(touch, 'clientDataJSON')
  const authenticatorData = bytesIn(touch, 'authenticatorData')
  const origin = await checkClientData(clientData, { touch, statement, origins })
  if (authenticatorData.length < 37) fail('the authenticator data is cut')
  const rpIdHash = encode(await sha256(utf8(rpId)))
  if (encode(authenticatorData.slice(0, 32)) !== rpIdHash) fail('it is for another relying party')
  // Present and verified.
  if (((authenticatorData[32] ?? 0) & 5) !== 5) fail('nobody touched the key, or was not verified')
  const signed = join([authenticatorData, await sha256(clientData)])
  const isGood = await isSigned(unbase64(key), signed, bytesIn(touch, 'signature')).catch(unusable)
  return isGood ? { ...who, origin } : fail('wrong signature')
}

/** What WebCrypto does not take for a key or a signature. */
function unusable(error: unknown): never {
  throw error instanceof ProofNotVerified ? error : new ProofNotVerified('the key cannot be used')
}

function ownKey(keys: Readonly<Record<string, string>>, id: string): string | undefined {
  return Object.hasOwn(keys, id) ? keys[id] : undefined
}

function readApprover(touch: Members): Omit<VerifiedTouch, 'origin'> {
  const { credentialId, approver, username, groups, attestation } = touch
  if (typeof credentialId !== 'string' || !isTexts(groups)) return fail('a touch is not whole')
  if (typeof approver !== 'string' || typeof username !== 'string') fail('a touch is not whole')
  const attested = membersOf(attestation)['trusted'] === true
  return { credentialId, approver, username, groups, attested }
}

async function checkClientData(
  clientData: Bytes,
  { touch, statement, origins }: { touch: Members; statement: string; origins: readonly string[] },
): Promise<string> {
  const nonce = bytesIn(touch, 'nonce')
  if (nonce.length !== 32) fail('the nonce is cut')
  const tag = utf8('proofgate-request-proof/1\0')
  const challenge = await sha256(join([tag, nonce, await sha256(utf8(statement))]))
  const { type, challenge: answered, origin, crossOrigin } = parse(clientData)
  if (type !== 'webauthn.get') fail('it is no assertion')
  if (answered !== encode(challenge)) fail('it is for another statement')
  if (typeof origin !== 'string' || !origins.includes(origin)) fail('it was given elsewhere')
  if (crossOrigin === true) fail('it was given in a frame of another site')
  return origin
}

/** Each person counts once, and whoever asks is none of the others. */
function checkApprovers(
  { approvers, subject }: VerifiedStatement,
  touches: readonly VerifiedTouch[],
): void {
  if (!approvers.self && approvers.others < 1) fail('it asks nobody')
  for (const { credentialId, approver } of touches) {
    const owners = touches.filter((one) => one.credentialId === credentialId)
    if (owners.some((one) => one.approver !== approver)) fail('one key of two people')
  }
  const counting = touches.filter(({ attested }) => attested || !approvers.attested)
  const people = new Set(counting.map(({ approver }) => approver))
  if (approvers.self && !people.has(subject)) fail('the touch of who asks is missing')
  const others = counting.filter(
    ({ approver, groups }) =>
      approver !== subject && approvers.groups.some((group) => groups.includes(group)),
  )
  if (new Set(others.map(({ approver }) => approver)).size < approvers.others) {
    fail('the touches of others are missing')
  }
}

/** RFC 9964 5, from -48 down. WebCrypto refuses keys of another length. */
const mlDsa = ['ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87'] as const

/** By the algorithm that the key itself names (RFC 9052 7), never by one that comes with the signature. */
async function isSigned(coseKey: Bytes, signed: Bytes, signature: Bytes): Promise<boolean> {
  const key = readCoseKey(coseKey)
  const [kty, algorithm, curve] = [key.get(1), key.get(3), key.get(-1)]
  const { subtle } = crypto
  const part = (label: number, length?: number): Bytes => {
    const value = key.get(label)
    const fits = value instanceof Uint8Array && (length === undefined || value.length === length)
    return fits ? value : fail('a key with a part of another length')
  }
  if (kty === 2 && algorithm === -7 && curve === 1) {
    const point = join([Uint8Array.of(4), part(-2, 32), part(-3, 32)])
    const how = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
    const imported = await subtle.importKey('raw', point, how, false, ['verify'])
    return subtle.verify(how, imported, fixedLength(signature), signed)
  }
  if (kty === 1 && algorithm === -8 && curve === 6) {
    const imported = await subtle.importKey('raw', part(-2, 32), 'Ed25519', false, ['verify'])
    return subtle.verify('Ed25519', imported, signature, signed)
  }
  if (kty === 3 && algorithm === -257) {
    const how = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
    const jwk = { kty: 'RSA', n: encode(part(-1)), e: encode(part(-2)) }
    const imported = await subtle.importKey('jwk', jwk, how, false, ['verify'])
    return subtle.verify(how, imported, signature, signed)
  }
  const alg = mlDsa[-48 - Number(algorithm)]
  if (kty === 7 && alg !== undefined) {
    const jwk = { kty: 'AKP', alg, pub: encode(part(-1)) }
    const imported = await subtle.importKey('jwk', jwk, alg, false, ['verify'])
    return subtle.verify(alg, imported, signature, signed)
  }
  return fail(`keys of the algorithm ${String(algorithm)} are not verified here`)
}

/** A map of CBOR from small integers to integers and byte strings, in definite lengths. */
function readCoseKey(bytes: Bytes): ReadonlyMap<number, number | Bytes> {
  let at = 0
  const head = (): [major: number, value: number] => {
    const first = bytes[at++] ?? fail('the key is cut')
    const [major, info] = [first >> 5, first & 31]
    if (info < 24) return [major, info]
    const size = info === 24 ? 1 : info === 25 ? 2 : fail('the key has another form')
    let value = 0
    for (let left = size; left > 0; left--)
      value = value * 256 + (bytes[at++] ?? fail('the key is cut'))
    return [major, value]
  }
  const item = (): number | Bytes => {
    const [major, value] = head()
    if (major === 0) return value
    if (major === 1) return -1 - value
    if (major !== 2 || at + value > bytes.length) return fail('the key has another form')
    at += value
    return bytes.slice(at - value, at)
  }
  const [major, count] = head()
  if (major !== 5) fail('the key has another form')
  const members = new Map<number, number | Bytes>()
  for (let left = count; left > 0; left--) {
    const label = item()
    if (typeof label !== 'number' || members.has(label)) fail('the key has another form')
    members.set(label, item())
  }
  return at === bytes.length ? members : fail('the key has something behind it')
}

/** ECDSA signatures come in DER (RFC 3279 2.2.3); WebCrypto takes two numbers of 32 bytes. */
function fixedLength(der: Bytes): Bytes {
  let at = 2
  if (der[0] !== 0x30 || der[1] !== der.length - 2) fail('a signature of another form')
  const whole = new Uint8Array(64)
  for (const end of [32, 64]) {
    const length = der[at + 1] ?? 0
    let number = der.slice(at + 2, at + 2 + length)
    if (der[at] !== 2 || number.length !== length) fail('a signature of another form')
    if (number[0] === 0) number = number.slice(1)
    if (number.length > 32) fail('a signature of another form')
    whole.set(number, end - number.length)
    at += 2 + length
  }
  return at === der.length ? whole : fail('a signature of another form')
}

function parse(json: Bytes): Members {
  try {
    return membersOf(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json)))
  } catch {
    return fail('it cannot be read')
  }
}

function membersOf(value: unknown): Members {
  return typeof value === 'object' && value !== null ? (value as Members) : fail('it is not whole')
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string')

function bytesIn(members: Members, name: string): Bytes {
  const value = members[name]
  return typeof value === 'string' ? unbase64(value) : fail(`${name} is missing`)
}

function unbase64(text: string): Bytes {
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (one) =>
      one.charCodeAt(0),
    )
    return encode(bytes) === text ? bytes : fail('base64url of another form')
  } catch {
    return fail('base64url of another form')
  }
}

function encode(bytes: Uint8Array): string {
  const text = btoa(Array.from(bytes, (one) => String.fromCharCode(one)).join(''))
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

const sha256 = async (bytes: Bytes): Promise<Bytes> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))

const utf8 = (text: string): Bytes => Uint8Array.from(new TextEncoder().encode(text))

function join(parts: readonly Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function fail(why: string): never {
  throw new ProofNotVerified(why)
}

import assert from 'node:assert/strict'
import { createSecretKey, generateKeyPairSync, sign } from 'node:crypto'
import test from 'node:test'
import * as fc from 'fast-check'
import { compactVerify, CompactSign } from 'jose'
import { parseJws, parseJwsClaims, signJws, verifyJws } from '../../src/token/index.ts'
import type { JwsAlgorithm, ParsedJws } from '../../src/token/index.ts'
import { KnownHeaders } from '../../src/token/jws.ts'
import { ed25519, encode, es256, forge, p256, p384, rsa } from './forge.ts'
import type { KeyPair } from './forge.ts'

const pair = p256()
const rsaPair = rsa()
const header = { alg: 'ES256', typ: 'at+jwt', kid: 'k' }
const good = forge(header, { sub: 'a' }, es256(pair.privateKey))
const [goodHeader = '', goodPayload = '', goodSignature = ''] = good.split('.')

function verifies(text: string, key = pair.publicKey, algorithm: JwsAlgorithm = 'ES256'): boolean {
  const jws = parseJws(text, 8192)
  return jws !== undefined && verifyJws(jws, key, algorithm)
}

const pairs: readonly (readonly [JwsAlgorithm, KeyPair])[] = [
  ['ES256', pair],
  ['ES384', p384()],
  ['RS256', rsaPair],
  ['RS384', rsaPair],
  ['RS512', rsaPair],
  ['PS256', rsaPair],
  ['EdDSA', ed25519()],
  ['Ed25519', ed25519()],
]

for (const [algorithm, keys] of pairs) {
  test(`${algorithm}: what an independent library signs verifies, and the other way round`, async () => {
    const theirs = await new CompactSign(Buffer.from('{}'))
      .setProtectedHeader({ alg: algorithm })
      .sign(keys.privateKey)
    assert.equal(verifies(theirs, keys.publicKey, algorithm), true)
    const claims = { a: 1 }
    const ours = signJws({ algorithm, type: 't', keyId: 'k', claims, key: keys.privateKey })
    const { payload, protectedHeader } = await compactVerify(ours, keys.publicKey)
    assert.deepEqual(JSON.parse(Buffer.from(payload).toString()), claims)
    assert.deepEqual(protectedHeader, { alg: algorithm, typ: 't', kid: 'k' })
  })

  test(`${algorithm}: a changed payload, header or signature does not verify`, () => {
    const text = signJws({ algorithm, type: 't', keyId: 'k', claims: {}, key: keys.privateKey })
    const [head = '', payload = '', signature = ''] = text.split('.')
    const flipped = Buffer.from(signature, 'base64url')
    flipped[10] = (flipped[10] ?? 0) ^ 1
    const otherHead = encode({ alg: algorithm, typ: 'u', kid: 'k' })
    const changes = [
      `${head}.${encode({ a: 2 })}.${signature}`,
      `${otherHead}.${payload}.${signature}`,
      `${head}.${payload}.${flipped.toString('base64url')}`,
      `${head}.${payload}.`,
    ]
    for (const change of changes) assert.equal(verifies(change, keys.publicKey, algorithm), false)
    assert.equal(verifies(text, keys.publicKey, algorithm), true)
  })
}

const malformed: readonly (readonly [string, string])[] = [
  ['empty text', ''],
  ['two dots only', '..'],
  ['two parts', `${goodHeader}.${goodPayload}`],
  ['four parts', `${good}.`],
  ['five parts', `${good}.a.b`],
  ['a leading space', ` ${good}`],
  ['a trailing line feed', `${good}\n`],
  ['padding', `${goodHeader}=.${goodPayload}.${goodSignature}`],
  ['the other base64 alphabet', `${goodHeader}.${goodPayload}.${goodSignature.slice(0, -2)}+/`],
  ['stray bits in the last character', `${goodHeader}.${goodPayload}.${'A'.repeat(85)}B`],
  ['a header that is not JSON', forge('nope', {}, es256(pair.privateKey))],
  ['a header that is a list', forge([header], {}, es256(pair.privateKey))],
  ['a header with a byte order mark', forge('\uFEFF{"alg":"ES256"}', {}, es256(pair.privateKey))],
  [
    'a header that is not UTF-8',
    forge(Buffer.from('{"alg":"ES256","x":"\xFF"}', 'latin1'), {}, es256(pair.privateKey)),
  ],
  ['alg twice', forge('{"alg":"ES256","alg":"none"}', {}, es256(pair.privateKey))],
  [
    'alg twice, once escaped',
    forge('{"alg":"ES256","\\u0061lg":"none"}', {}, es256(pair.privateKey)),
  ],
  ['no alg', forge({ typ: 'at+jwt' }, {}, es256(pair.privateKey))],
  ['alg as a list', forge({ alg: ['ES256'] }, {}, es256(pair.privateKey))],
  ['crit', forge({ ...header, crit: ['exp'], exp: 1 }, {}, es256(pair.privateKey))],
  ['empty crit', forge({ ...header, crit: [] }, {}, es256(pair.privateKey))],
  ['b64', forge({ ...header, b64: false }, {}, es256(pair.privateKey))],
  ['typ that is no text', forge({ ...header, typ: 1 }, {}, es256(pair.privateKey))],
  ['kid that is no text', forge({ ...header, kid: { a: 1 } }, {}, es256(pair.privateKey))],
  [
    'a kid of 257 characters',
    forge({ ...header, kid: 'k'.repeat(257) }, {}, es256(pair.privateKey)),
  ],
  [
    'a header nested 13 deep',
    forge(`{"alg":"ES256","x":${'['.repeat(13)}${']'.repeat(13)}}`, {}, es256(pair.privateKey)),
  ],
]

for (const [name, text] of malformed) {
  test(`a compact JWS with ${name} is not parsed`, () => {
    assert.equal(parseJws(text, 8192), undefined)
  })
}

for (const alg of [
  'none',
  'None',
  'nOnE',
  '',
  'HS256',
  'es256',
  'ES512',
  'RS1',
  '__proto__',
  'toString',
]) {
  test(`algorithm ${JSON.stringify(alg)} is not known`, () => {
    assert.equal(parseJws(forge({ alg }, {}, es256(pair.privateKey)), 8192), undefined)
  })
}

test('a text longer than the bound is not looked at', () => {
  assert.notEqual(parseJws(good, good.length), undefined)
  assert.equal(parseJws(good, good.length - 1), undefined)
})

test('a header inherited from a polluted prototype counts for nothing', () => {
  const polluted = Object.prototype as Record<string, unknown>
  polluted['alg'] = 'ES256'
  polluted['kid'] = 'k'
  try {
    assert.equal(parseJws(forge({ typ: 't' }, {}, es256(pair.privateKey)), 8192), undefined)
    const jws = parseJws(forge({ alg: 'ES256' }, {}, es256(pair.privateKey)), 8192)
    assert.equal(jws?.keyId, undefined)
  } finally {
    delete polluted['alg']
    delete polluted['kid']
  }
})

const order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'
const zero = '0'.repeat(64)
const genuine = Buffer.from(goodSignature, 'base64url').toString('hex')
const [r, s] = [genuine.slice(0, 64), genuine.slice(64)]
const der = sign('sha256', Buffer.from(`${goodHeader}.${goodPayload}`), pair.privateKey).toString(
  'hex',
)

const badSignatures: readonly (readonly [string, string])[] = [
  ['r = 0', zero + s],
  ['s = 0', r + zero],
  ['r = s = 0', zero + zero],
  ['r = order', order + s],
  ['s = order', r + order],
  ['r = s = order', order + order],
  ['all ones', 'f'.repeat(128)],
  ['r = s = 1', `${'0'.repeat(63)}1${'0'.repeat(63)}1`],
  ['swapped halves', s + r],
  ['DER instead of P1363', der],
  ['one byte too few', genuine.slice(2)],
  ['one byte too many', `${genuine}00`],
  ['a leading zero byte in each half', `00${r}00${s}`],
  ['no bytes', ''],
  ['half of it', r],
  ['twice the length', genuine + genuine],
]

for (const [name, hex] of badSignatures) {
  test(`an ES256 signature with ${name} does not verify`, () => {
    const signature = Buffer.from(hex, 'hex').toString('base64url')
    assert.equal(verifies(`${goodHeader}.${goodPayload}.${signature}`), false)
  })
}

test('the algorithm the caller fixed decides, not the header', () => {
  const text = forge({ alg: 'RS256' }, {}, es256(pair.privateKey))
  assert.equal(verifies(text, pair.publicKey, 'ES256'), false)
  assert.equal(verifies(good, rsaPair.publicKey, 'RS256'), false)
})

test('a key of another type, curve or size verifies nothing', () => {
  const small = rsa(1024)
  const input = forge({ alg: 'RS256' }, {}, (text) =>
    sign('sha256', Buffer.from(text), small.privateKey),
  )
  assert.equal(verifies(input, small.publicKey, 'RS256'), false)
  assert.equal(verifies(good, p384().publicKey), false)
  assert.equal(verifies(good, ed25519().publicKey), false)
})

test('another curve of the same size verifies nothing', () => {
  const koblitz = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  const text = forge(header, {}, es256(koblitz.privateKey))
  assert.equal(verifies(text, koblitz.publicKey), false)
})

test('a private or symmetric key verifies nothing', () => {
  assert.equal(verifies(good, pair.privateKey), false)
  assert.equal(verifies(good, createSecretKey(Buffer.alloc(32))), false)
})

test('a PS256 signature does not pass as RS256 and the other way round', () => {
  const key = rsaPair.privateKey
  const ps = signJws({ algorithm: 'PS256', type: 't', keyId: 'k', claims: {}, key })
  const [, payload = '', signature = ''] = ps.split('.')
  const relabelled = `${encode({ alg: 'RS256' })}.${payload}.${signature}`
  assert.equal(verifies(relabelled, rsaPair.publicKey, 'RS256'), false)
})

test('signing with a key that does not suit the algorithm is a bug', () => {
  const input = { type: 't', keyId: 'k', claims: {}, key: rsaPair.privateKey }
  assert.throws(() => signJws({ ...input, algorithm: 'ES256' }), { name: 'InvariantError' })
})

test('claims with a duplicate key, __proto__, bad UTF-8 or another type than object are refused', () => {
  const payloads = ['{"sub":"a","sub":"b"}', '{"__proto__":{}}', '[]', '"a"', 'null', '', '{} {}']
  for (const payload of payloads) {
    const jws = parseJws(forge(header, payload, es256(pair.privateKey)), 8192)
    assert.equal(jws && parseJwsClaims(jws), undefined, payload)
  }
  const bytes = Buffer.from('{"sub":"\xC3\x28"}', 'latin1')
  const jws = parseJws(forge(header, bytes, es256(pair.privateKey)), 8192)
  assert.equal(jws && parseJwsClaims(jws), undefined)
})

test('no text makes the parser throw or verify', () => {
  const part = fc.oneof(
    fc.base64String(),
    fc.json().map((text) => encode(text)),
    fc
      .record({ alg: fc.constantFrom('ES256', 'none', 'HS256'), typ: fc.anything() })
      .map((v) => encode(JSON.stringify(v))),
    fc.constantFrom(goodHeader, goodPayload, goodSignature),
  )
  const text = fc.oneof(
    fc.string(),
    fc.array(part, { maxLength: 5 }).map((parts) => parts.join('.')),
  )
  fc.assert(
    fc.property(text, (candidate) => {
      assert.equal(candidate !== good && verifies(candidate), false)
    }),
    { numRuns: 2000 },
  )
})

test('no single changed character of a token verifies', () => {
  const at = fc.integer({ min: 0, max: good.length - 1 })
  fc.assert(
    fc.property(at, fc.string({ minLength: 1, maxLength: 1 }), (index, char) => {
      const changed = good.slice(0, index) + char + good.slice(index + 1)
      assert.equal(verifies(changed), changed === good)
    }),
    { numRuns: 2000 },
  )
})

test('the memory of headers is bounded, and keeping a header again displaces none', () => {
  const headers = new KnownHeaders(2)
  const jws = (keyId: string): ParsedJws => {
    const parsed = parseJws(forge({ alg: 'ES256', kid: keyId }, {}, es256(pair.privateKey)), 8192)
    assert.ok(parsed)
    return parsed
  }
  const partOf = ({ signingInput }: ParsedJws): string => signingInput.split('.')[0] ?? ''
  const [a, b, c] = [jws('a'), jws('b'), jws('c')]
  for (const one of [a, b, b, b]) headers.keep(one)
  assert.equal(headers.find(partOf(a))?.keyId, 'a')
  headers.keep(c)
  assert.equal(headers.size, 2)
  assert.equal(headers.find(partOf(a)), undefined)
  assert.equal(headers.find(partOf(b))?.keyId, 'b')
})

test('a header too long to be kept is read each time', () => {
  const headers = new KnownHeaders(2)
  const long = { typ: 'dpop+jwt', alg: 'ES256', padding: 'x'.repeat(1024) }
  const jws = parseJws(`${Buffer.from(JSON.stringify(long)).toString('base64url')}.e30.`, 8192)
  assert.ok(jws)
  headers.keep(jws)
  assert.equal(headers.size, 0)
})

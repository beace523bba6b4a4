import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
} from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { naiveCanonical, naiveChallenge, naiveDigest, naiveStatement } from './naive.ts'
import type { NaiveRequest } from './naive.ts'

/*
 * Writes vectors.json, from the second implementation alone. Run by hand when the format gets another version:
 * signatures of ES256 are never the same twice.
 */

const requests: readonly NaiveRequest[] = [
  {
    method: 'DELETE',
    authority: 'api.example.com',
    target: '/orders/7',
    headers: [['content-type', []]],
    content: '',
  },
  {
    method: 'POST',
    authority: 'localhost:8080',
    target: '/orders/7?b=2&a=1&a=%20+',
    headers: [
      ['content-type', ['application/json']],
      ['if-match', ['"1"', 'W/"2"']],
    ],
    content: Buffer.from('{"amount":1}').toString('hex'),
  },
  {
    method: 'PUT',
    authority: 'api.example.com:8443',
    target: '/orders/%C3%BC',
    headers: [
      ['content-type', ['text/plain; charset="utf-8"']],
      ['x-note', ['caf\u00c3\u00a9 \\ \t', '']],
    ],
    content: '00ff0a0d',
  },
]

const base = {
  id: 'AAECAwQFBgcICQoLDA0ODw',
  authority: 'api.example.com',
  audience: 'https://api.example.com',
  subject: 'p3rs0n',
  name: 'Ada Lovelace',
  session: 's3ss10n',
  token: 't0k3n',
  client: 'proofgate-cli',
  address: '192.0.2.7',
  configuration: 'c0nf1g',
  decision: '["policy.allowed","orders","writers",""]',
  approvers: { self: true, others: 0, groups: [], attested: true, separate: true },
  issuedAt: 1_800_000_000_000,
  expiresAt: 1_800_000_120_000,
}
const [first, second] = requests
if (first === undefined || second === undefined) throw new Error('there are no requests')
const members = [
  {
    ...base,
    request: naiveDigest(first),
    method: first.method,
    target: first.target,
    sentence: 'Delete order “7”',
  },
  {
    ...base,
    request: naiveDigest(second),
    method: second.method,
    authority: second.authority,
    target: second.target,
    sentence: 'Pay “\u2068אבג\u2069” \\ "1" \u0001 \u{1f511}',
    token: '',
    approvers: {
      self: false,
      others: 2,
      groups: ['ops', 'leads'],
      attested: false,
      separate: false,
    },
  },
]
const nonces = ['000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'ff'.repeat(32)]
const statements = members.map((each, at) => {
  const text = naiveStatement(each)
  const nonce = nonces[at] ?? ''
  return { members: each, text, nonce, challenge: naiveChallenge(nonce, text) }
})

const id = base.id
const response = {
  id: 'AAAA',
  rawId: 'AAAA',
  type: 'public-key',
  response: { clientDataJSON: 'e30', authenticatorData: 'AAAA', signature: 'AAAA' },
  clientExtensionResults: {},
}
const assertion = Buffer.from(JSON.stringify(response)).toString('base64')
const headers = [
  { value: `id="${id}"`, id },
  { value: `id="${id}", assertion=:${assertion}:`, id, credentialId: 'AAAA' },
  { value: `assertion=:${assertion}:,id="${id}"`, id, credentialId: 'AAAA' },
  { value: id },
  { value: `id=${id}` },
  { value: `id="${id}", id="${id}"` },
  { value: `id="${id}";a` },
  { value: `id="${id}", verified` },
  { value: `id="${id}", assertion=?1` },
  { value: `id="${id}", assertion=:${assertion}` },
]

/** A touch over the first statement, by a key that is made here. */
function touch(algorithm: 'ES256' | 'EdDSA' | 'RS256') {
  const { privateKey } =
    algorithm === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : algorithm === 'EdDSA'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = createPublicKey(
    createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  ).export({ format: 'jwk' })
  const statement = statements[0]
  if (statement === undefined) throw new Error('there is no statement')
  const clientData = Buffer.from(
    JSON.stringify({
      type: 'webauthn.get',
      challenge: statement.challenge,
      origin: 'https://id.example.com',
      crossOrigin: false,
    }),
  )
  // User present and verified; a counter of 7.
  const authenticatorData = Buffer.concat([
    createHash('sha256').update('id.example.com').digest(),
    Buffer.from('0500000007', 'hex'),
  ])
  const signed = Buffer.concat([
    authenticatorData,
    createHash('sha256').update(clientData).digest(),
  ])
  const signature = sign(algorithm === 'EdDSA' ? null : 'sha256', signed, privateKey)
  return {
    approver: base.subject,
    username: 'ada',
    groups: ['members'],
    credentialId: Buffer.from(algorithm.padEnd(16, '.')).toString('base64url'),
    publicKey: coseKey(algorithm, jwk).toString('base64url'),
    algorithm: { ES256: -7, EdDSA: -8, RS256: -257 }[algorithm],
    attestation: {
      format: 'packed',
      trusted: true,
      aaguid: '00000000-0000-0000-0000-000000000000',
    },
    nonce: Buffer.from(statement.nonce, 'hex').toString('base64url'),
    clientDataJSON: clientData.toString('base64url'),
    authenticatorData: authenticatorData.toString('base64url'),
    signature: signature.toString('base64url'),
    at: base.issuedAt + 20_000,
  }
}

/** RFC 9053: maps of CBOR written by hand. */
function coseKey(
  algorithm: string,
  jwk: { x?: string; y?: string; n?: string; e?: string },
): Buffer {
  const part = (text = ''): string => Buffer.from(text, 'base64url').toString('hex')
  const hex = {
    ES256: () => `a5010203262001215820${part(jwk.x)}225820${part(jwk.y)}`,
    EdDSA: () => `a4010103272006215820${part(jwk.x)}`,
    RS256: () => `a401030339010020590100${part(jwk.n)}2143${part(jwk.e)}`,
  }[algorithm]
  return Buffer.from(hex?.() ?? '', 'hex')
}

const evidence = (['ES256', 'EdDSA', 'RS256'] as const).map((algorithm) => ({
  type: 'proofgate-evidence/1',
  statement: statements[0]?.text,
  headers: ['content-type'],
  touches: [touch(algorithm)],
}))

const path = new URL('vectors.json', import.meta.url)
const made = {
  requests: requests.map((request) => ({
    request,
    canonical: naiveCanonical(request),
    digest: naiveDigest(request),
  })),
  statements,
  headers,
  party: { rpId: 'id.example.com', origin: 'https://id.example.com' },
  evidence,
}
if (import.meta.main) {
  writeFileSync(path, `${JSON.stringify(made, null, 2)}\n`)
  console.log(`${readFileSync(path).length} bytes`)
}

/**
 * Proofs bound to one request, without a network: `node bench/micro/request-proof.ts [folder]`. A proof is good
 * for one use, so that each operation begins with a new one: what a step costs is the difference of two lines.
 */
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isRefusal, manualClock, millis, randomId, toBase64url } from '../../src/core/index.ts'
import type { CredentialId, Person, PersonId } from '../../src/identity/index.ts'
import { challengeFor, Proofs, requestDigest } from '../../src/proof/index.ts'
import type { Holder, OpenedProof } from '../../src/proof/index.ts'
import {
  Database,
  sqliteCredentials,
  sqlitePeople,
  sqliteProofs,
  sweepExpired,
} from '../../src/storage/index.ts'
import type { AuthenticationResponse } from '../../src/webauthn/index.ts'
import { measureMicros } from './measure.ts'
import type { Micro } from './measure.ts'

const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'proofgate-micro-'))
const database = Database.open(join(folder, 'p.sqlite'), { create: true, durability: 'full' })
const clock = manualClock(1_800_000_000_000)
const party = { id: 'auth.example.com', origins: ['https://auth.example.com'] }
const validFor = millis(120_000)
const credentials = sqliteCredentials(database)
const people = sqlitePeople(database)
const proofs = new Proofs({
  store: sqliteProofs(database),
  people,
  credentials,
  speaksForOwner: () => true,
  groupsOf: () => [],
  party: () => party,
  clock,
})

const person: Person = {
  id: randomId() as PersonId,
  username: 'bench',
  name: 'Bench',
  groups: [],
  userHandle: toBase64url(randomBytes(32)),
  disabled: false,
  createdAt: clock.now(),
}
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const { x = '', y = '' } = key.publicKey.export({ format: 'jwk' })
const part = (text: string): Buffer => Buffer.from(text, 'base64url')
const credentialId = randomId() as CredentialId
await people.create(person)
await credentials.register(
  {
    id: credentialId,
    personId: person.id,
    name: 'key',
    publicKey: new Uint8Array(
      Buffer.concat([
        Buffer.from('a5010203262001215820', 'hex'),
        part(x),
        Buffer.from('225820', 'hex'),
        part(y),
      ]),
    ),
    algorithm: -7,
    signCount: 0,
    userVerified: true,
    backupEligible: false,
    backupState: false,
    transports: ['usb'],
    aaguid: '00000000-0000-0000-0000-000000000000',
    attestationFormat: 'packed',
    attestationTrusted: true,
    serial: undefined,
    attestationObject: new Uint8Array(),
    clientDataJSON: new Uint8Array(),
    createdAt: clock.now(),
    lastUsedAt: undefined,
    suspension: undefined,
    sealedAt: undefined,
    finding: undefined,
  },
  { ticket: undefined, replaces: undefined, session: undefined, asOf: 0, now: clock.now() },
)

function request(content: Uint8Array): string {
  return requestDigest({
    method: 'DELETE',
    authority: 'api.example.com',
    target: '/orders/7',
    headers: [['content-type', []]],
    content,
  })
}
const digest = request(new Uint8Array())
const bound = { audience: 'https://api.example.com', configuration: 'b3f1c0ffee', decision: '#0' }

/** Each by a caller of its own, when those before have expired: there is no limit to run into. */
async function open(): Promise<{ opened: OpenedProof; holder: Holder }> {
  clock.advance(validFor)
  const holder = { key: randomId(), session: '', token: 'token' }
  const opened = await proofs.open({
    holder,
    browserSession: undefined,
    validFor,
    statement: {
      ...bound,
      request: digest,
      method: 'DELETE',
      authority: 'api.example.com',
      target: '/orders/7',
      sentence: 'Delete order “7”',
      subject: person.id,
      name: person.name,
      client: 'proofgate-cli',
      address: '192.0.2.7',
      approvers: { self: true, others: 0, groups: [], attested: true, separate: true },
    },
  })
  if (isRefusal(opened)) throw new Error(opened.code)
  return { opened, holder }
}

const data = Buffer.concat([
  createHash('sha256').update(party.id).digest(),
  Buffer.from('0500000000', 'hex'),
])

/** What the key does, which is not the gateway's work. */
function answer(statement: string, nonce: Uint8Array): AuthenticationResponse {
  const challenge = toBase64url(challengeFor(nonce, statement))
  const client = Buffer.from(
    JSON.stringify({ type: 'webauthn.get', challenge, origin: party.origins[0] }),
  )
  const signed = Buffer.concat([data, createHash('sha256').update(client).digest()])
  return {
    credentialId,
    clientDataJSON: new Uint8Array(client),
    authenticatorData: new Uint8Array(data),
    signature: new Uint8Array(sign('sha256', signed, key.privateKey)),
    userHandle: undefined,
  }
}

const ownNonce = ({ nonce }: OpenedProof): Uint8Array => new Uint8Array(part(nonce))

async function redeem(id: string, holder: Holder, assertion?: AuthenticationResponse) {
  const redeemed = await proofs.redeem({ ...bound, id, holder, request: digest, assertion })
  if (isRefusal(redeemed)) throw new Error(`${redeemed.code} ${redeemed.detail ?? ''}`)
}

async function inline(): Promise<void> {
  const { opened, holder } = await open()
  await redeem(opened.id, holder, answer(opened.statement, ownNonce(opened)))
}

async function onPage(): Promise<void> {
  const { opened, holder } = await open()
  const nonce = new Uint8Array(32)
  const response = answer(opened.statement, nonce)
  const found = await proofs.find(opened.id, { person, groups: [] })
  const credential = await credentials.load(credentialId)
  if (isRefusal(found) || credential === undefined) throw new Error('not found')
  const approver = { person, credential, groups: [] }
  const touched = await proofs.approve(found, { response, nonce, approver, session: 'page' })
  if (isRefusal(touched)) throw new Error(touched.code)
  await redeem(opened.id, holder)
}

/** So many, one after the other, and the table as short as in a gateway that sweeps. */
function each(name: string, work: () => unknown): Micro {
  return {
    name,
    run: async (count) => {
      for (let done = 0; done < count; done++) await work()
      sweepExpired(database, clock.now() + 48 * 3_600_000)
    },
  }
}

const large = new Uint8Array(64 * 1024)
const statement = (await open()).opened
try {
  await measureMicros('request-bound proof', [
    each('digest of a request without a body', () => request(new Uint8Array())),
    each('digest of a request with 64 KiB', () => request(large)),
    each('the signature of a key (not ours)', () =>
      answer(statement.statement, large.slice(0, 32)),
    ),
    each('ask', open),
    each('ask, sign, send with the assertion', inline),
    each('ask, sign, approve, send', onPage),
  ])
} finally {
  database.close()
  rmSync(folder, { recursive: true })
}

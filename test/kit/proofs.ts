import assert from 'node:assert/strict'
import { isRefusal, manualClock, millis, toBase64url } from '../../src/core/index.ts'
import type { Refusal } from '../../src/core/index.ts'
import type { Credential, CredentialId, Person, PersonId } from '../../src/identity/index.ts'
import { challengeFor, Proofs } from '../../src/proof/index.ts'
import type {
  Approvers,
  OpenedProof,
  Presented,
  ProofRequest,
  ProofStore,
} from '../../src/proof/index.ts'
import { Database, sqliteCredentials, sqlitePeople, sqliteProofs } from '../../src/storage/index.ts'
import {
  coseAlgorithms,
  creationOptions,
  parseAuthenticationResponse,
  parseRegistrationResponse,
  verifyRegistration,
} from '../../src/webauthn/index.ts'
import type { AuthenticationResponse } from '../../src/webauthn/index.ts'
import { SoftAuthenticator } from './soft-authenticator.ts'
import type { AuthenticationHooks, Device } from './soft-authenticator.ts'

export const proofOrigin = 'http://localhost:8080'
export const proofParty = { id: 'localhost', origins: [proofOrigin] }

export interface Somebody {
  readonly person: Person
  readonly key: SoftAuthenticator
  readonly credential: () => Promise<Credential>
}

/** What is different about a touch. */
export interface Touch {
  readonly session?: string
  readonly statement?: string
  readonly nonce?: Uint8Array
  readonly hooks?: Partial<AuthenticationHooks>
}

export const alone: Approvers = {
  self: true,
  others: 0,
  groups: [],
  attested: true,
  separate: true,
}
export const twoOthers: Approvers = { ...alone, self: false, others: 2, groups: ['ops'] }

/** What `asker` wants to do, and is always the same. */
export function proofRequest(asker: Somebody, approvers = alone): ProofRequest {
  return {
    holder: { key: asker.person.id, session: 'api-session', token: '' },
    browserSession: 'browser-session',
    validFor: millis(120_000),
    statement: {
      request: 'digest-of-the-request',
      method: 'DELETE',
      authority: 'api.localhost:8080',
      target: '/orders/7',
      sentence: 'Delete order “7”',
      audience: 'http://api.localhost:8080',
      subject: asker.person.id,
      name: asker.person.name,
      client: '',
      address: '127.0.0.1',
      configuration: 'version-1',
      decision: 'policy.allowed',
      approvers,
    },
  }
}

/** The request as it comes again. */
export function presentedFor(id: string, asker: Somebody): Presented {
  return {
    id,
    holder: proofRequest(asker).holder,
    request: 'digest-of-the-request',
    audience: 'http://api.localhost:8080',
    configuration: 'version-1',
    decision: 'policy.allowed',
  }
}

export function codeOf(value: unknown): string {
  return isRefusal(value) ? value.code : 'none'
}

/** Proofs over a database, people with keys in software, and a clock that stands still. */
export class ProofWorld {
  readonly clock = manualClock(1_800_000_000_000)
  readonly groups: Record<string, readonly string[]> = {}
  /** Ids of passkeys that do not speak for their owners. */
  readonly restricted = new Set<string>()
  readonly people
  readonly credentials
  readonly store: ProofStore
  readonly proofs: Proofs
  readonly #database: Database

  constructor(path: string, around: (store: ProofStore) => ProofStore = (store) => store) {
    this.#database = Database.open(path, { create: true, durability: 'process' })
    this.people = sqlitePeople(this.#database)
    this.credentials = sqliteCredentials(this.#database)
    this.store = sqliteProofs(this.#database)
    this.proofs = new Proofs({
      store: around(this.store),
      people: this.people,
      credentials: this.credentials,
      groupsOf: (person) => this.groups[person.username] ?? [],
      speaksForOwner: ({ id }) => !this.restricted.has(id),
      party: () => proofParty,
      clock: this.clock,
    })
  }

  close(): void {
    this.#database.close()
  }

  async somebody(
    username: string,
    trusted = true,
    device: Partial<Device> = {},
  ): Promise<Somebody> {
    const handle = Buffer.from(username.padEnd(32, '-'))
    const person: Person = {
      id: `person-${username}` as PersonId,
      username,
      name: username,
      groups: [],
      userHandle: toBase64url(handle),
      disabled: false,
      createdAt: this.clock.now(),
    }
    assert.equal(await this.people.create(person), 'created')
    const key = new SoftAuthenticator(device)
    const id = await this.register(person, key, trusted)
    const credential = async (): Promise<Credential> => {
      const found = await this.credentials.load(id)
      assert.ok(found !== undefined)
      return found
    }
    return { person, key, credential }
  }

  /** Another passkey of somebody. */
  async register(person: Person, key: SoftAuthenticator, trusted = true): Promise<CredentialId> {
    const challenge = new Uint8Array(32).fill(7)
    const algorithms = Object.values(coseAlgorithms).filter((one) =>
      key.device.algorithms.includes(one),
    )
    const options = creationOptions({
      rp: { id: proofParty.id, name: 'Test' },
      user: {
        handle: new Uint8Array(Buffer.from(person.userHandle, 'base64url')),
        name: person.username,
        displayName: person.name,
      },
      challenge,
      excludeCredentials: [],
      timeoutMillis: 1000,
      algorithms,
      attestation: 'none',
    })
    const response = parseRegistrationResponse(key.create(options, { origin: proofOrigin }))
    assert.ok(!isRefusal(response))
    const verified = verifyRegistration(response, {
      challenge: toBase64url(challenge),
      origins: proofParty.origins,
      rpId: proofParty.id,
      userVerification: 'required',
      algorithms,
    })
    assert.ok(!isRefusal(verified))
    const { statement: _statement, ...registration } = verified
    const id = verified.credentialId as CredentialId
    const outcome = await this.credentials.register(
      {
        ...registration,
        attestationTrusted: trusted,
        serial: undefined,
        id,
        personId: person.id,
        name: 'key',
        createdAt: this.clock.now(),
        lastUsedAt: undefined,
        suspension: undefined,
        sealedAt: undefined,
        finding: undefined,
      },
      {
        ticket: undefined,
        replaces: undefined,
        session: undefined,
        asOf: 0,
        now: this.clock.now(),
      },
    )
    assert.equal(outcome, 'registered')
    return id
  }

  async opened(asker: Somebody, approvers = alone): Promise<OpenedProof> {
    const proof = await this.proofs.open(proofRequest(asker, approvers))
    assert.ok(!isRefusal(proof), codeOf(proof))
    return proof
  }

  /** What a key answers to a statement. */
  async assertion(
    statement: string,
    nonce: Uint8Array,
    who: Somebody,
    hooks: Partial<AuthenticationHooks> = {},
  ): Promise<AuthenticationResponse> {
    const { id } = await who.credential()
    const challenge = toBase64url(challengeFor(nonce, statement))
    const options = { rpId: proofParty.id, challenge, allowCredentials: [{ id }] }
    const json = who.key.get(options, { origin: proofOrigin, ...hooks })
    const response = parseAuthenticationResponse(json)
    assert.ok(!isRefusal(response), codeOf(response))
    return response
  }

  /** A touch as the approval page takes it. */
  async touch(
    { id, statement }: OpenedProof,
    who: Somebody,
    change: Touch = {},
  ): Promise<{ complete: boolean } | Refusal> {
    const nonce = new Uint8Array(32).fill(9)
    const credential = await who.credential()
    const response = await this.assertion(
      change.statement ?? statement,
      change.nonce ?? nonce,
      who,
      change.hooks,
    )
    const groups = this.groups[who.person.username] ?? []
    const open = await this.proofs.find(id, { person: who.person, groups })
    if (isRefusal(open)) return open
    return this.proofs.approve(open, {
      response,
      nonce,
      approver: { person: who.person, credential, groups },
      session: change.session ?? 'another-session',
    })
  }

  redeem(
    id: string,
    asker: Somebody,
    change: Partial<Presented> = {},
  ): ReturnType<Proofs['redeem']> {
    return this.proofs.redeem({ ...presentedFor(id, asker), ...change })
  }
}

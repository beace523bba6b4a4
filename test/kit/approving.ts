import assert from 'node:assert/strict'
import { isRefusal, systemClock, toBase64url } from '../../src/core/index.ts'
import type { CredentialId } from '../../src/identity/index.ts'
import { challengeFor, Proofs } from '../../src/proof/index.ts'
import { Database, sqliteCredentials, sqlitePeople, sqliteProofs } from '../../src/storage/index.ts'
import { parseAuthenticationResponse } from '../../src/webauthn/index.ts'
import { databaseOf } from './flows.ts'
import type { GatewayFacts } from './gateway.ts'
import type { Answer } from './http.ts'
import type { SoftPerson } from './person.ts'

/** What a 401 says of the proof it asks for. */
export interface AskedFor {
  readonly id: string
  readonly statement: string
  readonly sentence: string
  readonly nonce: string
  readonly challenge: string
  readonly rpId: string
  readonly allowCredentials: readonly string[]
  readonly approval: string
  readonly status: string
  readonly expiresAt: string
}

/** The proof that an answer asks for. */
export function askedBy(answer: Answer): AskedFor {
  assert.equal(answer.status, 401, answer.text)
  const problem = answer.json()
  assert.equal(problem.code, 'proof.required', answer.text)
  return problem.proof as AskedFor
}

/** People who approve, beside the gateway, in its database. */
export class Approving {
  readonly #database: Database
  readonly #proofs: Proofs
  readonly #groups: Readonly<Record<string, readonly string[]>>

  constructor(
    gateway: Pick<GatewayFacts, 'identity' | 'relyingPartyId' | 'dataDirectory'>,
    groups: Readonly<Record<string, readonly string[]>>,
    path = databaseOf(gateway),
  ) {
    this.#groups = groups
    this.#database = Database.open(path, { create: false, durability: 'process' })
    this.#proofs = new Proofs({
      store: sqliteProofs(this.#database),
      people: sqlitePeople(this.#database),
      credentials: sqliteCredentials(this.#database),
      speaksForOwner: () => true,
      groupsOf: ({ username }) => groups[username] ?? [],
      party: () => ({ id: gateway.relyingPartyId, origins: [new URL(gateway.identity).origin] }),
      clock: systemClock(0),
    })
  }

  /** A touch on a page that is not the one that asked. */
  async approve(
    { id, statement }: Pick<AskedFor, 'id' | 'statement'>,
    who: SoftPerson,
  ): Promise<void> {
    const nonce = new Uint8Array(32).fill(5)
    const response = parseAuthenticationResponse(
      who.authenticator.get(this.#options(who, challengeFor(nonce, statement)), {
        origin: who.origin,
      }),
    )
    assert.ok(!isRefusal(response))
    const credential = await sqliteCredentials(this.#database).load(
      response.credentialId as CredentialId,
    )
    assert.ok(credential !== undefined)
    const person = await sqlitePeople(this.#database).load(credential.personId)
    assert.ok(person !== undefined)
    const approver = { person, credential, groups: this.#groups[person.username] ?? [] }
    const open = await this.#proofs.find(id, approver)
    assert.ok(!isRefusal(open), isRefusal(open) ? open.code : '')
    const outcome = await this.#proofs.approve(open, {
      response,
      nonce,
      approver,
      session: 'another',
    })
    assert.ok(!isRefusal(outcome), isRefusal(outcome) ? `${outcome.code} ${outcome.detail}` : '')
  }

  async approveById(id: string, who: SoftPerson): Promise<void> {
    const record = await sqliteProofs(this.#database).load(id)
    assert.ok(record !== undefined)
    await this.approve(record, who)
  }

  async deny(id: string, username: string): Promise<void> {
    const person = await sqlitePeople(this.#database).loadByUsername(username)
    assert.ok(person !== undefined)
    const open = await this.#proofs.find(id, { person, groups: this.#groups[username] ?? [] })
    assert.ok(!isRefusal(open))
    assert.equal(await this.#proofs.deny(open), undefined)
  }

  close(): void {
    this.#database.close()
  }

  #options({ gateway }: SoftPerson, challenge: Uint8Array) {
    return { rpId: gateway.relyingPartyId, challenge: toBase64url(challenge) }
  }
}

/** `Proofgate-Proof` with an assertion of the caller's own key. */
export function inlineProof(asked: AskedFor, who: SoftPerson, hooks: object = {}): string {
  const response = who.authenticator.get(
    {
      rpId: asked.rpId,
      challenge: asked.challenge,
      allowCredentials: asked.allowCredentials.map((id) => ({ id })),
    },
    { origin: who.origin, ...hooks },
  )
  const bytes = Buffer.from(JSON.stringify(response)).toString('base64')
  return `id="${asked.id}", assertion=:${bytes}:`
}

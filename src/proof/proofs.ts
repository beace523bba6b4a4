import { isRefusal, parseBase64url, randomId, randomToken } from '../core/index.ts'
import type { Clock, Instant, Millis, Refusal } from '../core/index.ts'
import { keepUse } from '../identity/index.ts'
import type {
  Credential,
  CredentialId,
  CredentialStore,
  PersonId,
  PersonStore,
} from '../identity/index.ts'
import type { AuthenticationResponse } from '../webauthn/index.ts'
import { canCount, isEnough, judgeApprover, mayApprove } from './approvers.ts'
import type { Approver } from './approvers.ts'
import { proofErrors } from './errors.ts'
import { evidenceOf, judgeEvidence, verifyTouch } from './evidence.ts'
import type { ProofParty, Touched } from './evidence.ts'
import { differenceOf, printHolder, refuseTaken } from './presented.ts'
import type { Holder, Presented } from './presented.ts'
import { isBrief, isRecordable } from './recorded.ts'
import { parseStatement, printStatement } from './statement.ts'
import type { Statement } from './statement.ts'
import type { Evidence, ProofPlace, ProofRecord, ProofState, ProofStore } from './store.ts'

/** How many may wait at once, of one caller and of all. */
const mostOfOwner = 16
const mostOfAll = 10_000
/** How many are shown at once. */
const pageOfPending = 50

export interface ProofParts {
  readonly store: ProofStore
  readonly people: PersonStore
  readonly credentials: CredentialStore
  /** Whether a passkey may speak for its owner: not one that is for some roles only, or that has lapsed. */
  readonly speaksForOwner: (credential: Credential) => boolean
  /** Groups that count now. */
  readonly groupsOf: (person: Approver['person']) => readonly string[]
  readonly party: () => ProofParty
  readonly clock: Clock
}

/** A proof that is asked for: the statement but for what is made here. */
export interface ProofRequest {
  readonly holder: Holder
  readonly browserSession: string | undefined
  readonly statement: Omit<Statement, 'id' | 'issuedAt' | 'expiresAt' | 'session' | 'token'>
  readonly validFor: Millis
}

export interface OpenedProof {
  readonly id: string
  readonly statement: string
  readonly nonce: string
  readonly expiresAt: Instant
  /** Ids of the caller's passkeys whose touch would count; none where the caller is not asked. */
  readonly keys: readonly string[]
}

/** A proof that was used for the request it was made for: nothing else makes one of these. */
class RedeemedProof {
  readonly #made = true
  readonly id: string
  readonly statement: Statement
  readonly statementText: string
  readonly evidence: readonly Evidence[]

  constructor(proof: ProofRecord, statement: Statement, evidence: readonly Evidence[]) {
    this.id = proof.id
    this.statement = statement
    this.statementText = proof.statement
    this.evidence = evidence
  }

  static isMade(value: RedeemedProof): boolean {
    return value.#made
  }
}

export type { RedeemedProof }

/** A proof as the people see it who are asked. */
export interface OpenProof {
  readonly record: ProofRecord
  readonly statement: Statement
}

/** Proofs bound to one request: asked for, approved or denied, used once. */
export class Proofs {
  readonly #parts: ProofParts

  constructor(parts: ProofParts) {
    this.#parts = parts
  }

  async open(request: ProofRequest): Promise<OpenedProof | Refusal> {
    const { holder } = request
    const keys = await this.#callersKeys(request.statement)
    if (isRefusal(keys)) return keys
    const now = this.#parts.clock.now()
    const id = randomId()
    const expiresAt = now + request.validFor
    const statement = printStatement({
      ...request.statement,
      id,
      session: holder.session,
      token: holder.token,
      issuedAt: now,
      expiresAt,
    })
    // What could not be read again could never be approved.
    if (parseStatement(statement) === undefined || !isBrief(statement)) {
      return proofErrors.refuse('too_long')
    }
    const opened = { id, statement, nonce: randomToken(32), expiresAt }
    const outcome = await this.#parts.store.open(
      {
        ...opened,
        holder: printHolder(holder),
        owner: holder.key,
        browserSession: request.browserSession,
      },
      { ofOwner: mostOfOwner, ofAll: mostOfAll, now },
    )
    return outcome === 'opened' ? { ...opened, keys } : proofErrors.refuse('too_many')
  }

  /** What has become of a proof, for the one who asked; `undefined` for everybody else. */
  async stateFor(
    id: string,
    holder: Holder,
  ): Promise<{ state: ProofState | 'expired'; approvals: number; expiresAt: Instant } | undefined> {
    const record = await this.#parts.store.load(id)
    if (record === undefined || record.holder !== printHolder(holder)) return undefined
    const isOver = record.expiresAt <= this.#parts.clock.now()
    const isOpen = record.state === 'pending' || record.state === 'approved'
    return {
      state: isOver && isOpen ? 'expired' : record.state,
      approvals: record.approvals.length,
      expiresAt: record.expiresAt,
    }
  }

  /** The proof, for somebody who may approve it. One that is over, or not theirs to see, is unknown. */
  async find(id: string, approver: Omit<Approver, 'credential'>): Promise<OpenProof | Refusal> {
    const record = await this.#parts.store.load(id)
    const statement = record === undefined ? undefined : parseStatement(record.statement)
    if (record === undefined || statement === undefined || !mayApprove(statement, approver)) {
      return proofErrors.refuse('unknown', 'unknown, or not for this person to approve')
    }
    if (record.expiresAt <= this.#parts.clock.now()) return proofErrors.refuse('expired')
    return { record, statement }
  }

  /**
   * Those that wait for this person and were not touched by them yet, a page of them: those that end first.
   *
   * @param after - where the page before ended.
   */
  async listFor(
    approver: Omit<Approver, 'credential'>,
    after: ProofPlace | undefined,
  ): Promise<{ readonly waiting: readonly Statement[]; readonly next: ProofPlace | undefined }> {
    const found = await this.#parts.store.listPending({
      person: approver.person.id,
      groups: approver.groups,
      now: this.#parts.clock.now(),
      after,
      limit: pageOfPending + 1,
    })
    const page = found.slice(0, pageOfPending)
    const waiting = page.flatMap((pending) => {
      const statement = parseStatement(pending.statement)
      return statement !== undefined && mayApprove(statement, approver) ? [statement] : []
    })
    return { waiting, next: found.length > page.length ? page.at(-1) : undefined }
  }

  /** Those that nobody stopped and that speak for their owner. */
  async speaking(personId: string): Promise<readonly Credential[]> {
    const all = await this.#parts.credentials.listFor(personId as PersonId)
    return all.filter((key) => key.suspension === undefined && this.#parts.speaksForOwner(key))
  }

  /**
   * Verifies a touch over a statement that is not of a request, and counts it as a use. The caller has taken the
   * ceremony, which holds the nonce, and has made the text anew.
   */
  async touchOver(
    statement: { readonly id: string; readonly statement: string },
    touch: { response: AuthenticationResponse; nonce: Uint8Array; approver: Approver },
  ): Promise<Evidence | Refusal> {
    const { response, ...by } = touch
    const speaking = await this.speaking(by.approver.person.id)
    if (!speaking.some(({ id }) => id === by.approver.credential.id)) {
      return proofErrors.refuse('not_an_approver', 'the passkey does not speak for its owner')
    }
    const touched = { ...by, statementText: statement.statement, party: this.#parts.party() }
    const evidence = await this.#verify(response, touched)
    if (isRefusal(evidence) || isRecordable(statement, evidence)) return evidence
    return proofErrors.refuse('too_long', 'the evidence')
  }

  /** The passkeys of somebody whose touch would count for this proof. */
  async keysFor({ statement }: OpenProof, personId: string): Promise<readonly Credential[]> {
    const speaking = await this.speaking(personId)
    return speaking.filter((key) => canCount(key, statement.approvers))
  }

  /** Why this browser session may not approve this proof, if so. */
  refuseSession({ record, statement }: OpenProof, session: string): Refusal | undefined {
    return statement.approvers.separate && record.browserSession === session
      ? proofErrors.refuse('same_session')
      : undefined
  }

  /**
   * Verifies a touch and adds it. The caller has taken the ceremony, which holds the nonce.
   *
   * @returns whether the proof now has all that it needs.
   */
  async approve(
    open: OpenProof,
    touch: {
      response: AuthenticationResponse
      nonce: Uint8Array
      approver: Approver
      session: string
    },
  ): Promise<{ complete: boolean; evidence: Evidence } | Refusal> {
    const { record, statement } = open
    const { approver, response, nonce } = touch
    const refused = this.refuseSession(open, touch.session) ?? this.#judge(statement, approver)
    if (refused !== undefined) return refused
    const touched = {
      statementText: record.statement,
      nonce,
      party: this.#parts.party(),
      approver,
    }
    const evidence = await this.#verify(response, touched)
    if (isRefusal(evidence)) return evidence
    if (!isRecordable(record, evidence)) return proofErrors.refuse('too_long', 'the evidence')
    const outcome = await this.#parts.store.approve(record.id, evidence, {
      isEnough: (approvals) => isEnough(approvals, statement.approvers, statement.subject),
      now: evidence.at,
    })
    if (outcome === 'already_approved') return proofErrors.refuse('already_approved')
    if (outcome === 'not_pending') return proofErrors.refuse('spent', 'it waits no more')
    return { complete: outcome === 'approved', evidence }
  }

  /** Only somebody who could approve can deny. */
  async deny({ record }: OpenProof): Promise<Refusal | undefined> {
    const outcome = await this.#parts.store.deny(record.id, this.#parts.clock.now())
    return outcome === 'denied' ? undefined : proofErrors.refuse('spent', 'it is not open')
  }

  /** A proof before it is used, for decisions that depend on who approved. Nothing is let through by it. */
  async peek(id: string, holder: Holder): Promise<ProofRecord | undefined> {
    const record = await this.#parts.store.load(id)
    return record?.holder === printHolder(holder) ? record : undefined
  }

  /**
   * Uses a proof for a request.
   *
   * Invariant: it is taken first, whatever the rest says, so one proof lets at most one request through.
   * Everything is then judged by what is known now: the request, the configuration, and each touch with
   * its signature, its passkey and its person.
   */
  async redeem(presented: Presented): Promise<RedeemedProof | Refusal> {
    const now = this.#parts.clock.now()
    const { assertion } = presented
    const taken = await this.#parts.store.take(presented.id, {
      holder: printHolder(presented.holder),
      states: assertion === undefined ? ['approved'] : ['approved', 'pending'],
      now,
    })
    if (taken.outcome !== 'taken') return refuseTaken(taken.outcome)
    const { proof } = taken
    const statement = parseStatement(proof.statement)
    if (statement === undefined) return proofErrors.refuse('withdrawn', 'the statement is damaged')
    const differs = differenceOf(statement, presented, now)
    if (differs !== undefined) return proofErrors.refuse('mismatch', differs)
    const evidence = await this.#judgeAll(proof, statement, assertion)
    return isRefusal(evidence) ? evidence : new RedeemedProof(proof, statement, evidence)
  }

  async #verify(response: AuthenticationResponse, touched: Touched): Promise<Evidence | Refusal> {
    const verified = verifyTouch(response, touched)
    if (isRefusal(verified)) return verified
    const { credential } = touched.approver
    const at = this.#parts.clock.now()
    // Judged by the counter only after the signature; two touches at once do not lock a key.
    if (verified.cloneSuspected) {
      const detail = `the counter is ${verified.signCount}, and ${credential.signCount} is on record`
      return proofErrors.refuse('clone_suspected', detail)
    }
    const { signCount, backupState } = verified
    await keepUse(this.#parts.credentials, credential, { signCount, backupState, at })
    return evidenceOf(response, touched, at)
  }

  /** The kept touches, judged by what is known now, and the one that came with the request. */
  async #judgeAll(
    proof: ProofRecord,
    statement: Statement,
    assertion: AuthenticationResponse | undefined,
  ): Promise<readonly Evidence[] | Refusal> {
    const counted: Evidence[] = []
    for (const evidence of proof.approvals) {
      const approver = await this.#judgeKept(evidence, proof, statement)
      if (isRefusal(approver)) return approver
      // Invariant: a group that an approver has left meanwhile speaks for nothing.
      const groups = evidence.groups.filter((group) => approver.groups.includes(group))
      counted.push({ ...evidence, groups })
    }
    const inline =
      assertion === undefined ? undefined : await this.#verifyInline(proof, statement, assertion)
    if (isRefusal(inline)) return inline
    if (inline !== undefined) counted.push(inline)
    return isEnough(counted, statement.approvers, statement.subject)
      ? counted
      : proofErrors.refuse('withdrawn', 'too few approvals count now')
  }

  async #judgeKept(
    evidence: Evidence,
    proof: ProofRecord,
    statement: Statement,
  ): Promise<Approver | Refusal> {
    const approver = await this.#approver(evidence.approver, evidence.credentialId)
    if (approver === undefined) return proofErrors.refuse('withdrawn', 'an approver is gone')
    const touched = { statementText: proof.statement, party: this.#parts.party(), approver }
    const refused = this.#judge(statement, approver) ?? judgeEvidence(evidence, touched)
    if (refused === undefined) return approver
    return proofErrors.refuse('withdrawn', refused.detail ?? refused.code)
  }

  /** The caller's own key, in the same round trip. */
  async #verifyInline(
    proof: ProofRecord,
    statement: Statement,
    response: AuthenticationResponse,
  ): Promise<Evidence | Refusal> {
    // Invariant: who drives the browser that asked could answer there for its owner as well.
    if (statement.approvers.separate && proof.browserSession !== undefined) {
      return proofErrors.refuse('same_session', 'an assertion from the session that asked')
    }
    const approver = await this.#approver(statement.subject, response.credentialId)
    if (approver === undefined) return proofErrors.refuse('withdrawn', 'not a key of the caller')
    const nonce = parseBase64url(proof.nonce)
    if (nonce?.length !== 32) return proofErrors.refuse('withdrawn', 'the nonce is damaged')
    const party = this.#parts.party()
    const touched = { statementText: proof.statement, nonce, party, approver }
    const refused = this.#judge(statement, approver)
    const evidence = refused ?? (await this.#verify(response, touched))
    if (isRefusal(evidence) || isRecordable(proof, evidence)) return evidence
    return proofErrors.refuse('too_long', 'the evidence')
  }

  #judge(statement: Statement, approver: Approver): Refusal | undefined {
    return this.#parts.speaksForOwner(approver.credential)
      ? judgeApprover(statement, approver)
      : proofErrors.refuse('not_an_approver', 'the passkey does not speak for its owner')
  }

  async #approver(personId: string, credentialId: string): Promise<Approver | undefined> {
    const credential = await this.#parts.credentials.load(credentialId as CredentialId)
    const person = await this.#parts.people.load(personId as PersonId)
    if (credential === undefined || person === undefined) return undefined
    if (credential.personId !== person.id || person.disabled) return undefined
    return { person, credential, groups: this.#parts.groupsOf(person) }
  }

  /** Nobody is asked for a touch that the caller has no key for. */
  async #callersKeys({
    approvers,
    subject,
  }: Pick<Statement, 'approvers' | 'subject'>): Promise<readonly string[] | Refusal> {
    if (!approvers.self) return []
    const speaking = await this.speaking(subject)
    if (speaking.length === 0) return proofErrors.refuse('no_approver', 'no passkey of the caller')
    const counting = speaking.filter((key) => canCount(key, approvers))
    return counting.length === 0
      ? proofErrors.refuse('attestation_required', 'no passkey of the caller would count')
      : counting.map(({ id }) => id)
  }
}

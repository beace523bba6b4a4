import type { Refusal } from '../../core/index.ts'
import type { Credential, Person } from '../../identity/index.ts'
import type { WantedKey } from '../../pages/index.ts'
import type { ProofFacts } from '../../session/index.ts'
import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from '../../webauthn/index.ts'
import { factsOf } from '../credential-facts.ts'
import { Approval } from './approval.ts'
import type { StepUp } from '../../session/index.ts'
import { Authentication } from './authentication.ts'
import type { Authenticated } from './authentication.ts'
import { Challenges } from './challenges.ts'
import type { Caller, CeremonyParts } from './parts.ts'
import { RecoveryApproval } from './recovery-approval.ts'
import { Registration } from './registration.ts'
import type { Registered } from './registration.ts'

/** The ceremonies: begin makes a challenge, finish takes it and verifies the answer. */
export class Ceremonies {
  readonly #parts: CeremonyParts
  readonly #registration: Registration
  readonly #authentication: Authentication
  /** A touch that says yes to one request. */
  readonly approval: Approval
  /** A touch that lets one other person in again. */
  readonly recoveryApproval: RecoveryApproval

  constructor(parts: CeremonyParts) {
    this.#parts = parts
    const challenges = new Challenges(parts)
    this.#registration = new Registration(parts, challenges)
    this.#authentication = new Authentication(parts, challenges)
    this.approval = new Approval(parts, challenges)
    this.recoveryApproval = new RecoveryApproval(parts, challenges)
  }

  beginRegistration(
    caller: Caller,
    input: Parameters<Registration['begin']>[1],
  ): Promise<PublicKeyCredentialCreationOptionsJSON | Refusal> {
    return this.#registration.begin(caller, input)
  }

  finishRegistration(
    caller: Caller,
    body: unknown,
    purpose: 'register' | 'renew' = 'register',
  ): Promise<Registered | Refusal> {
    return this.#registration.finish(caller, body, purpose)
  }

  /** What a session keeps of a registration that opens it. */
  factsOf(credential: Credential): ProofFacts {
    const { certificationOf } = this.#parts.authenticators()
    return factsOf(credential, credential, certificationOf(credential))
  }

  /** Which new passkey of somebody would be kept. */
  wantedKey(person: Person): WantedKey {
    return this.#registration.wanted(person)
  }

  beginAuthentication(
    caller: Caller,
    purpose: 'sign-in' | 'confirm',
    stepUp?: StepUp,
  ): Promise<PublicKeyCredentialRequestOptionsJSON | Refusal> {
    return this.#authentication.begin(caller, purpose, stepUp)
  }

  finishAuthentication(caller: Caller, body: unknown): Promise<Authenticated | Refusal> {
    return this.#authentication.finish(caller, body)
  }
}

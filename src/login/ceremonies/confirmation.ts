import { isRefusal } from '../../core/index.ts'
import type { Instant, Refusal } from '../../core/index.ts'
import type { HttpExchange } from '../../http/index.ts'
import { acrOf } from '../../session/index.ts'
import type { ProofFacts, Session, StepUp } from '../../session/index.ts'
import type { Browser } from '../browser.ts'
import type { Authenticated } from './authentication.ts'
import type { Caller } from './parts.ts'
import { loginErrors } from '../errors.ts'
import { isRestricted, overtaken, recordAct } from '../surface-parts.ts'
import type { IdentityParts } from '../surface-parts.ts'

/** What somebody was about to do at an API host, when it is theirs. */
export async function loadStepUp(
  { stepUps }: Pick<IdentityParts, 'stepUps'>,
  session: Session | undefined,
  secret: unknown,
): Promise<StepUp | Refusal> {
  if (typeof secret !== 'string' || !/^[A-Za-z0-9_-]{43}$/.test(secret)) {
    return loginErrors.refuse('step_up_ended')
  }
  return ownStepUp(await stepUps.load(secret), session)
}

function ownStepUp(stepUp: StepUp | undefined, session: Session | undefined): StepUp | Refusal {
  if (stepUp === undefined) return loginErrors.refuse('step_up_ended')
  return session === undefined || session.personId === stepUp.personId
    ? stepUp
    : loginErrors.refuse('other_person')
}

/** Somebody touched a key in a session that is there: it becomes stronger, so its handle changes (ASVS 7.2.4). */
export async function confirm(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
  { caller, authenticated }: { caller: Caller; authenticated: Authenticated },
): Promise<Refusal | undefined> {
  const { facts, person, stepUpHash, asOf } = authenticated
  const { session } = caller
  if (session === undefined) return loginErrors.refuse('sign_in_required')
  const stepUp =
    stepUpHash === undefined
      ? undefined
      : ownStepUp(await parts.stepUps.loadByHash(stepUpHash), session)
  if (isRefusal(stepUp)) return stepUp
  if (!mayConfirm(parts, session, facts, stepUp)) return loginErrors.refuse('credential_restricted')
  if (stepUp !== undefined && !reaches(facts, stepUp)) {
    return loginErrors.refuse('stronger_key_required')
  }
  const handle = await parts.sessions.prove(session, facts, asOf)
  if (handle === undefined) return overtaken(parts, exchange, { personId: person.id, facts })
  browser.holdSession(exchange.response, handle)
  await recordAct(parts, {
    kind: 'session',
    action: 'session.prove',
    person,
    session,
    address: exchange.address,
    what: {
      credential: facts.credentialId,
      acr: acrOf(facts),
      previous: acrOf(session.confirmation ?? session.facts),
      ...(stepUp === undefined ? { for: 'account' } : { api: stepUp.api, route: stepUp.route }),
    },
  })
  return undefined
}

/**
 * Invariant: a credential that is for some roles only strengthens nothing but what it opened itself, which is
 * for those roles only too.
 */
function mayConfirm(
  parts: IdentityParts,
  session: Session,
  { credentialId }: ProofFacts,
  stepUp: StepUp | undefined,
): boolean {
  if (!isRestricted(parts, credentialId)) return true
  return stepUp !== undefined && session.facts.credentialId === credentialId
}

/** Whether a touch is of the class that is asked for. */
function reaches(facts: ProofFacts, { acr }: Pick<StepUp, 'acr'>): boolean {
  const reached = acrOf(facts)
  return acr === undefined || acr === reached || (acr === 'phr' && reached === 'phrh')
}

/** Whether the session's last touch is what is asked for already. */
export function isProved(session: Session, stepUp: StepUp, now: Instant): boolean {
  const { confirmation = session.facts, provedAt } = session
  const { maxAge = Infinity } = stepUp
  return now - provedAt <= maxAge && reaches(confirmation, stepUp)
}

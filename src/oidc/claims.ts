import { epochSeconds } from '../core/index.ts'
import type { Directory, Person } from '../identity/index.ts'
import { acrOf, amrOf, originOf } from '../session/index.ts'
import type { Session } from '../session/index.ts'

/** Who the person is. */
export function profileClaims(person: Person, directory: Directory): Record<string, unknown> {
  return {
    name: person.name,
    preferred_username: person.username,
    groups: directory.groupsOf(person),
  }
}

/**
 * What the ceremony behind the session proved, as flat top-level members with string values, so that
 * verifiers that only compare claims (API gateways, load balancers) can use them.
 */
export function assuranceClaims(session: Session): Record<string, unknown> {
  const { facts } = session
  return {
    sid: session.id,
    acr: acrOf(facts),
    amr: amrOf(facts),
    auth_time: epochSeconds(session.authenticatedAt),
    credential_id: facts.credentialId,
    aaguid: facts.aaguid,
    uv: String(facts.userVerified),
    be: String(facts.backupEligible),
    bs: String(facts.backupState),
    attestation: facts.attestationFormat,
    attestation_trusted: String(facts.attestationTrusted),
    session_time: epochSeconds(session.createdAt),
    ...originOf(facts),
  }
}

/** Names of all assurance claims, for the provider's metadata. */
export const assuranceClaimNames = [
  'sid',
  'acr',
  'amr',
  'auth_time',
  'credential_id',
  'aaguid',
  'uv',
  'be',
  'bs',
  'attestation',
  'attestation_trusted',
  'certification',
  'session_time',
  'credential_time',
  'transports',
] as const

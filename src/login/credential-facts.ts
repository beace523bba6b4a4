import type { AuditEntry } from '../audit/index.ts'
import type { Credential, Person } from '../identity/index.ts'
import type { ProofFacts, Session } from '../session/index.ts'
import type { StoredCredential } from '../webauthn/index.ts'

/** What an assertion is judged against. */
export function storedOf(credential: Credential, person: Person): StoredCredential {
  return {
    credentialId: credential.id,
    publicKey: credential.publicKey,
    algorithm: credential.algorithm,
    signCount: credential.signCount,
    backupEligible: credential.backupEligible,
    userHandle: Buffer.from(person.userHandle, 'base64url'),
  }
}

/** What a session keeps of the ceremony that opened it. */
export function factsOf(
  credential: Credential,
  use: { userVerified: boolean; backupState: boolean },
  certification: string | undefined,
): ProofFacts {
  return {
    credentialId: credential.id,
    aaguid: credential.aaguid,
    userVerified: use.userVerified,
    backupEligible: credential.backupEligible,
    backupState: use.backupState,
    attestationFormat: credential.attestationFormat,
    attestationTrusted: credential.attestationTrusted,
    registeredAt: credential.createdAt,
    transports: credential.transports,
    ...(certification === undefined ? {} : { certification }),
    ...(credential.sealedAt === undefined ? {} : { sealed: true as const }),
  }
}

/** Whom a ceremony was about, as far as it is known. */
export function whoOf(
  { person, credential }: { person: Person | undefined; credential: string | undefined },
  session: Session | undefined,
): NonNullable<AuditEntry['who']> {
  return {
    ...(person === undefined ? {} : { subject: person.id, username: person.username }),
    ...(credential === undefined ? {} : { credential }),
    ...(session === undefined ? {} : { session: session.id }),
  }
}

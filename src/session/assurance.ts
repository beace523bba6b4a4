import { epochSeconds } from '../core/index.ts'
import type { ProofFacts } from './types.ts'

/**
 * Authentication context class (OpenID EAP ACR Values 1.0). `phrh` needs attestation that was verified
 * and trusted, and a key that cannot leave its hardware; everything else WebAuthn with user
 * verification proves is `phr`.
 */
export function acrOf(facts: ProofFacts): 'phr' | 'phrh' {
  return isTrustedHardware(facts) ? 'phrh' : 'phr'
}

/** Authentication methods (RFC 8176). `pin` and `fpt` are never claimed: a relying party cannot know. */
export function amrOf(facts: ProofFacts): readonly string[] {
  const methods = ['pop', 'user', isTrustedHardware(facts) ? 'hwk' : 'swk']
  return facts.userVerified ? [...methods, 'mfa'] : methods
}

function isTrustedHardware(facts: ProofFacts): boolean {
  return facts.attestationTrusted && !facts.backupEligible && facts.userVerified
}

/** Where the credential comes from, as claims; without what is not known or an older session did not keep. */
export function originOf({ certification, registeredAt, transports }: ProofFacts): {
  readonly certification?: string
  readonly credential_time?: number
  readonly transports?: readonly string[]
} {
  return {
    ...(certification === undefined ? {} : { certification }),
    ...(registeredAt === undefined ? {} : { credential_time: epochSeconds(registeredAt) }),
    ...(transports === undefined ? {} : { transports }),
  }
}

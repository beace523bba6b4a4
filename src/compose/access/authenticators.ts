import type { AuthenticatorLimits, Configuration } from '../../config/index.ts'
import { bothRules } from '../../login/index.ts'
import type { AuthenticatorPolicy, AuthenticatorRules } from '../../login/index.ts'
import { coseAlgorithms, parseAnchors } from '../../webauthn/index.ts'

const known = new WeakMap<Configuration, AuthenticatorPolicy>()

/** What a configuration says about passkeys; made once for each. */
export function authenticatorPolicy(configuration: Configuration): AuthenticatorPolicy {
  const found = known.get(configuration)
  if (found !== undefined) return found
  const { attestation, trustAnchors, ...everybody } = configuration.authenticators
  const ofGroup = new Map(
    configuration.groups.flatMap(({ name, authenticators }) =>
      authenticators === undefined ? [] : [[name, rulesOf(authenticators)] as const],
    ),
  )
  const policy: AuthenticatorPolicy = {
    attestation,
    anchors: trustAnchors.flatMap(
      ({ file, pem, aaguids }) => parseAnchors(file, pem, aaguids) ?? [],
    ),
    rulesFor: (groups) =>
      groups.reduce((rules, name) => {
        const own = ofGroup.get(name)
        return own === undefined ? rules : bothRules(rules, own)
      }, rulesOf(everybody)),
  }
  known.set(configuration, policy)
  return policy
}

function rulesOf({ allow, algorithms, aaguids }: AuthenticatorLimits): AuthenticatorRules {
  return { allow, algorithms: algorithms.map((name) => coseAlgorithms[name]), aaguids }
}

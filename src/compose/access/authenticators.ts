import type { AuthenticatorLimits, Configuration } from '../../config/index.ts'
import { bothRules, comparableSerial } from '../../login/index.ts'
import type { AuthenticatorPolicy, AuthenticatorRules } from '../../login/index.ts'
import type { Metadata, RevocationLists } from '../../metadata/index.ts'
import { coseAlgorithms, parseAnchors } from '../../webauthn/index.ts'

type Rules = Omit<AuthenticatorPolicy, 'modelOf' | 'certificationOf' | 'revocationOf'>

const known = new WeakMap<Configuration, Rules>()

/** What a configuration and metadata say about passkeys. */
export function authenticatorPolicy(
  configuration: Configuration,
  metadata: Metadata,
  revocationLists: RevocationLists,
): AuthenticatorPolicy {
  const modelOf: AuthenticatorPolicy['modelOf'] = (aaguid, statement) =>
    metadata.modelOf(aaguid, statement)
  const revocationOf: AuthenticatorPolicy['revocationOf'] = (path) =>
    revocationLists.problemOf(path)
  const certificationOf: AuthenticatorPolicy['certificationOf'] = (credential) =>
    metadata.certificationOf(credential)
  return { ...configuredRules(configuration), modelOf, certificationOf, revocationOf }
}

/** Made once for each configuration. */
function configuredRules(configuration: Configuration): Rules {
  const found = known.get(configuration)
  if (found !== undefined) return found
  const { attestation, trustAnchors, clone, signIn } = configuration.authenticators
  const ofGroup = new Map(
    configuration.groups.flatMap(({ name, authenticators }) =>
      authenticators === undefined ? [] : [[name, rulesOf(authenticators)] as const],
    ),
  )
  const policy: Rules = {
    attestation,
    anchors: trustAnchors.flatMap(
      ({ file, pem, aaguids }) => parseAnchors(file, pem, aaguids) ?? [],
    ),
    rulesFor: (groups) =>
      groups.reduce((rules, name) => {
        const own = ofGroup.get(name)
        return own === undefined ? rules : bothRules(rules, own)
      }, rulesOf(configuration.authenticators)),
    clone,
    signIn,
  }
  known.set(configuration, policy)
  return policy
}

function rulesOf(limits: AuthenticatorLimits): AuthenticatorRules {
  const { allow, algorithms, aaguids, makers, serials, certification } = limits
  const isListed = aaguids.allow !== undefined || makers.allow !== undefined
  const listed = { aaguids: aaguids.allow ?? [], makers: makers.allow ?? [] }
  return {
    allow,
    algorithms: algorithms.map((name) => coseAlgorithms[name]),
    models: {
      allow: isListed ? [listed] : [],
      deny: { aaguids: aaguids.deny, makers: makers.deny },
    },
    certification,
    serials: serials?.map(comparableSerial),
  }
}

/** Whose lists of revocations are taken: of everybody whose word counts for anything here. */
export function issuersOf(
  configuration: Configuration,
  metadata: Metadata,
): AuthenticatorPolicy['anchors'] {
  return [...configuredRules(configuration).anchors, ...metadata.anchors]
}

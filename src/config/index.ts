/**
 * proofgate.yaml: read, checked as a whole, and turned into one immutable `Configuration` in which every
 * default is filled in and every reference leads somewhere.
 *
 * Guarantees: unknown and duplicate keys are refused; all problems come at once, each with its place, what
 * was found, what was expected and what to do; content never makes it throw; reading is bounded in size,
 * depth, aliases and substitution (YAML 1.2 core schema); secrets are `Secret` from the first moment. A
 * file that is bad never replaces a configuration that is good.
 *
 * Does not: resolve names, fetch keys, open sockets, or write files.
 */
export type { Environment } from './environment.ts'
export type {
  HeaderEdits as ConfiguredHeaderEdits,
  NamedValue as ConfiguredNamedValue,
  QueryEdits as ConfiguredQueryEdits,
  RouteFeatures as ConfiguredRouteFeatures,
} from './features.ts'
export { readTextFile } from './files.ts'
export { loadConfiguration } from './load.ts'
export type { LoadInput, LoadResult } from './load.ts'
export type {
  Authorizer,
  Configuration,
  ConfiguredApi,
  ConfiguredCertificate,
  ConfiguredClient,
  ConfiguredGroup,
  ConfiguredIssuer,
  ConfiguredPerson,
  ConfiguredPolicy,
  ConfiguredRoute,
  ConfiguredTarget,
  ConfiguredTls,
  ConfiguredUpstream,
  Listener,
  PathSegment,
  Priority,
  PublicListenerSettings,
  SigningAlgorithm,
  Site,
  Tags,
  Throttle,
} from './model.ts'
export type { AuthenticatorLimits } from './model/authenticators.ts'
export type { ConfigurationOverrides } from './overrides.ts'
export type { ConfiguredPolicyTest } from './policy-tests/model.ts'
export { readPolicyTests } from './policy-tests/resolve.ts'
export type { ReadPolicyTests } from './policy-tests/resolve.ts'
export { lintPolicyFiles, policyKinds } from './policy-files.ts'
export type { LintedFiles, PolicyKind } from './policy-files.ts'
export { printProblems, problemsJson } from './print.ts'
export { problemCodes as configurationProblemCodes } from './problems.ts'
export type { ConfigurationProblem, ConfigurationSource, ProblemCode } from './problems.ts'
export { configurationReference, configurationSchema } from './reference.ts'
export { ConfigurationWatcher } from './reload.ts'
export type { WatcherOptions } from './reload.ts'
export { embeddedConfiguration, sampleConfiguration, upConfiguration } from './sample.ts'
export { effectiveValues } from './values.ts'
export type { EffectiveValue, ValueSource } from './values.ts'

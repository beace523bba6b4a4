/**
 * The policy language: AWS IAM JSON documents, read, compiled, evaluated and explained. Pure: no clock,
 * no files, no network; everything a decision depends on comes with the request.
 *
 * Guarantees: nothing is allowed that no Allow statement names; a Deny wins, whatever the order; what
 * cannot be evaluated denies; matching takes time bounded by the length of the request whatever the
 * policy says; wildcards and variables are read from the policy alone, never from the request.
 *
 * Does not: find out who is asking, attach policies to people, or supply the context. `docs/policy-language.md`
 * describes the language.
 *
 * Specification: IAM JSON policy grammar and evaluation logic (AWS IAM User Guide), versions 2012-10-17
 * and 2008-10-17; identity, resource, trust, boundary and session policies.
 */
export { Comparison, supposing, textOfStatement } from './analysis/compare.ts'
export type { TextOf } from './analysis/compare.ts'
export { survey } from './analysis/look.ts'
export type { PartialRequest, StatementOutlook, Survey } from './analysis/look.ts'
export { outlook, outlookOf } from './analysis/outlook.ts'
export type { Outlook } from './analysis/outlook.ts'
export { mayMeet } from './analysis/meet.ts'
export { remediesOf } from './analysis/remedy.ts'
export { selectsTemplate } from './analysis/resource.ts'
export type { Possibility } from './analysis/resource.ts'
export type { Template, TemplatePart } from './analysis/template.ts'
export { authorityOf, noAuthority, noPolicies } from './authority.ts'
export type { Authority, Grant } from './authority.ts'
export { compilePolicies } from './compile.ts'
export type { CompiledPolicies, CompiledStatement, PolicySource } from './compile.ts'
export type { Condition } from './document/condition.ts'
export { UnknownFactError } from './context.ts'
export type { ContextLookup } from './context.ts'
export { roleNotHeld } from './decision.ts'
export type { Decision, DecisionReason } from './decision.ts'
export { parsePolicyDocument } from './document/document.ts'
export type { PolicyDocument, PolicyVersion, Reading } from './document/document.ts'
export { policyErrors } from './errors.ts'
export { decide, evaluate } from './evaluate.ts'
export { explain, explainStatement, statementsOf } from './explain.ts'
export type { PolicyExplanation, StatementExplanation } from './explain.ts'
export { kindRules } from './document/kind.ts'
export type { KindRules, PolicyKind } from './document/kind.ts'
export { keyFamilies } from './keys/families.ts'
export type { Callers, ContextKey, KeyFamily, KeyType } from './keys/key.ts'
export { contextKeys, ownPrefixes, standingOf } from './keys/schema.ts'
export type { DeclaredKeys, KeyStanding } from './keys/schema.ts'
export { suggestion as suggestKey } from './lint/conditions.ts'
export { lintCodes } from './lint/finding.ts'
export type { LintCode, LintFinding } from './lint/finding.ts'
export { lintPolicies } from './lint/policies.ts'
export type { LintSetting, LintSource } from './lint/policies.ts'
export type { LintRoute } from './lint/reach.ts'
export { firstMiss, selects } from './match.ts'
export type { PolicyRequest } from './match.ts'
export { namingOf, nobody } from './document/principal.ts'
export type { Naming, PolicyPrincipal, PrincipalSelection } from './document/principal.ts'
export { problemCodes, show } from './document/problem.ts'
export type { PolicyProblem, PolicyProblemCode } from './document/problem.ts'
export type { Effect, Selection, Statement } from './document/statement.ts'
export { isFilledBy } from './value/pattern.ts'

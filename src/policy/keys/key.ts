/** What a fact is, and so which operators can compare it. `any`: only the request shows it. */
export type KeyType =
  | 'string'
  | 'number'
  | 'date'
  | 'boolean'
  | 'address'
  | 'arn'
  | 'binary'
  | 'any'

/** Of whom a fact can be known: everybody, callers with a name, people of ours, those others vouch for. */
export type Callers = 'everybody' | 'known' | 'people' | 'external'

/** A condition key that the gateway supplies, or a family of keys that the configuration completes. */
export interface ContextKey {
  /** `aws:SourceIp`; of a family with what stands for the rest: `aws:PrincipalTag/TAG`. */
  readonly name: string
  readonly type: KeyType
  /** Also compared as this type. */
  readonly alsoType?: KeyType
  /** Whether the fact is a list; one that always is cannot be a policy variable. */
  readonly several: 'never' | 'always' | 'maybe'
  /** Whether every request has it. */
  readonly presence: 'always' | 'sometimes'
  /**
   * Completes the sentence "It is absent ...", or says what stands in for it: "It is ... ". Empty when there is
   * no request without the fact itself.
   */
  readonly without: string
  readonly callers: Callers
  /** Where the gateway takes it from. */
  readonly source: string
  /** What it holds, in a line. */
  readonly about: string
  /** A `Condition` block that uses it well. */
  readonly example: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>
}

/** Families: what the configuration has to say before one of their keys exists. */
export interface KeyFamily extends ContextKey {
  /** What its keys begin with, in lower case; absent for claims, which begin with their issuer's name. */
  readonly prefix: string | undefined
  /** The configuration key that makes one. */
  readonly declaredBy: string
}

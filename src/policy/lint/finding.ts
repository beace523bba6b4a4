/** Everything the linter finds. What begins with `policy.warn_` is doubtful; the rest is wrong. */
export const lintCodes = {
  'policy.unknown_key':
    'a condition key does not exist, or nothing in the configuration declares it',
  'policy.unknown_variable': 'a policy variable names a key that does not exist or is not declared',
  'policy.wrong_operator': 'the operator can never compare what the key holds',
  'policy.warn_absent_key':
    'an operator with `Not` also holds for requests without the key, and the statement does not ask for it',
  'policy.warn_duplicate': 'the statement says the same as an earlier one',
  'policy.warn_every_resource': 'an Allow is for every resource',
  'policy.warn_for_all_values':
    'an Allow with `ForAllValues:` also holds for requests without the key, and does not ask for it',
  'policy.warn_for_any_value': 'a Deny with `ForAnyValue:` does not stop requests without the key',
  'policy.warn_never_applies': 'no request that policies are asked about can match the statement',
  'policy.warn_no_such_resource':
    'a value of what a Deny denies, or of what an Allow leaves out, selects nothing',
  'policy.warn_not_action': 'an Allow with `NotAction` is also for every action that comes later',
  'policy.warn_null': '`Null` asks whether a key is there that every request has',
  'policy.warn_plain_variable': 'under version 2008-10-17 `${...}` is plain text',
  'policy.warn_repeated_value':
    'a caller may send the value twice, and the Allow is content with one that fits',
  'policy.warn_shadowed': 'another statement of the document makes this one pointless',
  'policy.warn_text_operator': 'a `String` operator compares the text of what is not text',
  'policy.warn_unchecked': 'the policies are too large to compare all of them with all routes',
  'policy.warn_untagged': 'nobody and nothing has a tag of this name',
} as const

export type LintCode = keyof typeof lintCodes

/** One thing wrong or doubtful in a document that is sound in itself. */
export interface LintFinding {
  readonly code: LintCode
  /** Errors keep a configuration from being loaded. */
  readonly severity: 'error' | 'warning'
  readonly policy: string
  /** Sid, or `#` and the index. */
  readonly statement: string
  /** `file:line`, when known. */
  readonly place: string | undefined
  /** JSON Pointer (RFC 6901) into the document, whose `Statement` is taken to be a list. */
  readonly pointer: string
  /** What was found. */
  readonly message: string
  /** What to write instead. */
  readonly hint: string
}

export function severityOf(code: LintCode): LintFinding['severity'] {
  return code.startsWith('policy.warn_') ? 'warning' : 'error'
}

/** Every kind of fault a policy document can have. The documentation lists the same codes. */
export const problemCodes = {
  'policy.wrong_type': 'an element holds another JSON type than the language gives it',
  'policy.missing': 'an element that must be written is absent',
  'policy.unknown_element': 'the language has no element or condition operator of this name',
  'policy.unsupported':
    'the element exists in AWS, but has no meaning in a policy attached to people',
  'policy.empty': 'a list, a block or a string holds nothing',
  'policy.conflict': 'two elements exclude each other',
  'policy.duplicate': 'a Sid or a condition key is used twice',
  'policy.bad_version': 'the version is not one this language has',
  'policy.bad_value': 'the value cannot be what the element or operator compares',
  'policy.bad_variable': 'a policy variable is malformed, or stands where none may stand',
  'policy.too_large': 'the document, or one value in it, is longer than allowed',
} as const

export type PolicyProblemCode = keyof typeof problemCodes

/** One fault of a document, with its place in the document. */
export interface PolicyProblem {
  /** JSON Pointer (RFC 6901) into the document; the empty string is the document itself. */
  readonly pointer: string
  readonly code: PolicyProblemCode
  /** What was found, then what was expected. */
  readonly message: string
  /** What to write instead. */
  readonly hint: string
}

/** Why a single value was not accepted; its reader adds the place. */
export interface ValueProblem {
  readonly code: PolicyProblemCode
  readonly message: string
  readonly hint: string
}

export function isValueProblem(value: object): value is ValueProblem {
  return Object.hasOwn(value, 'code')
}

/** Collects the faults of one document, so that all of them come at once. */
export class ProblemList {
  readonly found: PolicyProblem[] = []

  add(pointer: string, code: PolicyProblemCode, message: string, hint: string): void {
    this.found.push({ pointer, code, message, hint })
  }

  addValue(pointer: string, problem: ValueProblem): void {
    this.add(pointer, problem.code, problem.message, problem.hint)
  }
}

/** The pointer to a member of what `pointer` names. */
export function within(pointer: string, member: string | number): string {
  return `${pointer}/${String(member).replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/** A value as messages show it: quoted, escaped, never longer than a line. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  if (typeof value !== 'string') return String(value)
  return JSON.stringify(value.length > longestShown ? `${value.slice(0, longestShown)}…` : value)
}

const longestShown = 120

/** The known name that `name` most likely means, if one is near. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase()
  if (wanted.length > longestGuessed) return undefined
  let best: string | undefined
  let bestDistance = 3
  for (const candidate of known) {
    const distance = editDistance(wanted, candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

const longestGuessed = 60

/** Levenshtein distance, one row at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  let last = to.length
  for (const unit of from) {
    let [left, diagonal] = [Infinity, Infinity]
    row = row.map((above, column) => {
      const replaced = diagonal + (unit === to[column - 1] ? 0 : 1)
      diagonal = above
      left = Math.min(replaced, above + 1, left + 1)
      return left
    })
    last = left
  }
  return last
}

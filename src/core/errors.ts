/** Who has to act for the answer to change. */
export type Fault = 'caller' | 'operator' | 'upstream' | 'proofgate'

/** One line of an area's catalogue of ways to say no. `docs/errors.md` is generated from these. */
export interface ErrorSpec {
  /** HTTP status a caller sees. */
  readonly status: number
  /** The fixed public text: never holds what was sent or found. */
  readonly title: string
  readonly fault: Fault
  /** One line for the documentation: when this happens and what to do. */
  readonly doc: string
}

/** An area's catalogue: the keys are the reasons, the codes are `area.reason`. */
export interface ErrorCatalogue<Area extends string, Reason extends string> {
  readonly area: Area
  readonly specs: Readonly<Record<Reason, ErrorSpec>>
  /** Makes the refusal; `detail` goes to logs, the audit trail and administrators, never to a caller. */
  refuse(reason: Reason, detail?: string, headers?: Readonly<Record<string, string>>): Refusal
}

/**
 * A deliberate no: expected, a value that is returned, not thrown. Surfaces print `code`, `status` and
 * `title`; `detail` is for operators.
 */
export class Refusal {
  readonly code: string
  readonly status: number
  readonly title: string
  readonly fault: Fault
  readonly detail: string | undefined
  readonly headers: Readonly<Record<string, string>> | undefined

  constructor(
    code: string,
    spec: ErrorSpec,
    detail?: string,
    headers?: Readonly<Record<string, string>>,
  ) {
    this.code = code
    this.status = spec.status
    this.title = spec.title
    this.fault = spec.fault
    this.detail = detail
    this.headers = headers
  }
}

export function isRefusal(value: unknown): value is Refusal {
  return value instanceof Refusal
}

/** Declares an area's catalogue of refusals. */
export function defineErrors<Area extends string, Reason extends string>(
  area: Area,
  specs: Readonly<Record<Reason, ErrorSpec>>,
): ErrorCatalogue<Area, Reason> {
  return {
    area,
    specs,
    refuse: (reason, detail, headers) =>
      new Refusal(`${area}.${reason}`, specs[reason], detail, headers),
  }
}

/** An operation that could not be done (a file, a database, a peer). Caught once per surface. */
export class ProofgateError extends Error {
  readonly code: string
  /** What an operator can do next; printed by the command line. */
  readonly hint: string | undefined

  constructor(code: string, message: string, options?: { cause?: unknown; hint?: string }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ProofgateError'
    this.code = code
    this.hint = options?.hint
  }
}

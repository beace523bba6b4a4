/** One `-d`, `--data-raw`, `--data-binary` or `--json`, in the order they were given. */
export interface BodyPart {
  readonly kind: 'data' | 'raw' | 'binary' | 'json'
  readonly value: string
}

/** The flags of `proofgate curl`, named as commander names them. */
export interface CurlOptions {
  readonly issuer?: string
  readonly audience?: string
  readonly request?: string
  readonly header?: readonly string[]
  readonly include?: boolean
  readonly head?: boolean
  readonly output?: string
  readonly silent?: boolean
  readonly showError?: boolean
  readonly verbose?: boolean
  readonly fail?: boolean
  readonly failWithBody?: boolean
  readonly uploadFile?: string
  readonly maxTime?: string
  /** False with `--no-step-up`. */
  readonly stepUp?: boolean
  /** False with `--no-approval`. */
  readonly approval?: boolean
  /** False with `--no-browser`. */
  readonly browser?: boolean
  readonly proofTimeout?: string
  readonly writeOut?: string
  /** Known only to be refused with their reason. */
  readonly location?: boolean
  readonly insecure?: boolean
}

export interface CurlInput {
  readonly url: string
  readonly options: CurlOptions
  readonly parts: readonly BodyPart[]
}

/** A connection error (RFC 9113 5.4.1): GOAWAY with `code` is due, and nothing more may be read. */
export class ConnectionProblem {
  /** One of `ErrorCode`. */
  readonly code: number
  /** For the log: what was found. Never text of the peer's. */
  readonly detail: string

  constructor(code: number, detail: string) {
    this.code = code
    this.detail = detail
  }
}

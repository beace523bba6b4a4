/** What a subject of the benchmark is: a proxy in front of the one upstream, started for this run. */

/** Request headers by name. */
export type Headers = Readonly<Record<string, string>>

/** What every subject is given: a folder of its own and the upstream it is to forward to. */
export interface Surroundings {
  readonly directory: string
  readonly upstreamPort: number
  readonly signal: AbortSignal
}

export interface Subject {
  readonly name: string
  /** Debian packages (which are the names of their programs too) that it cannot start without. */
  readonly packages: readonly string[]
  readonly start: (surroundings: Surroundings) => Promise<RunningSubject>
}

export interface RunningSubject {
  /** Processes whose CPU counts, together with all their descendants. */
  readonly pids: readonly number[]
  /** What the load asks for; answers 200 with the upstream's body. */
  readonly url: string
  /** Headers of an allowed request, made anew for every round: tokens are short-lived. */
  readonly headers: () => Headers
  /** Requests that must be answered 401 or 403; empty for a subject that authorizes nobody. */
  readonly refused: () => Readonly<Record<string, Headers>>
  readonly stop: () => Promise<void>
}

/** A bug in Proofgate itself: never caused by what a caller sends. */
export class InvariantError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'InvariantError'
  }
}

/** Stops the current work when something that must hold does not. */
export function invariant(holds: boolean, message: string): asserts holds {
  if (!holds) throw new InvariantError(message)
}

/** For the arm of a `switch` that types say cannot be reached. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable value: ${String(value)}`)
}

/** A test as its file names it, for the runner of mutants, which runs it as often as it needs to. */
export interface CollectedTest {
  readonly id: string
  readonly run: () => unknown
}

interface Collection {
  file: string
  tests: CollectedTest[]
}

declare global {
  var proofgateTests: Collection | undefined
}

/** Where the tests of the file that is being loaded go: one for all copies of the modules. */
export function collection(): Collection {
  globalThis.proofgateTests ??= { file: '', tests: [] }
  return globalThis.proofgateTests
}

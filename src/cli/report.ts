import { isRefusal, ProofgateError } from '../core/index.ts'

/** Prints what went wrong and what to do next on standard error; answers the exit code. */
export function reportFailure(error: unknown, asJson: boolean): number {
  const { code, message, hint } = describe(error)
  if (asJson) {
    process.stderr.write(`${JSON.stringify({ error: { code, message, hint } })}\n`)
  } else {
    process.stderr.write(`error: ${message}\n`)
    if (hint !== undefined) process.stderr.write(`  ${hint}\n`)
  }
  return isExit(error) ? error.exitCode : 1
}

function describe(error: unknown): { code: string; message: string; hint: string | undefined } {
  if (error instanceof ProofgateError) {
    return { code: error.code, message: error.message, hint: error.hint }
  }
  if (isRefusal(error)) {
    const message = error.detail === undefined ? error.title : `${error.title}: ${error.detail}`
    return { code: error.code, message, hint: undefined }
  }
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'internal', message, hint: 'This is a defect; please report it.' }
}

function isExit(error: unknown): error is { exitCode: number } {
  return error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number'
}

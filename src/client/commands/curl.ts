import { openContext } from '../context.ts'
import { requireSignedIn } from '../access.ts'
import { TransferFailure, transferFailure } from '../curl/exit.ts'
import type { CurlInput } from '../curl/options.ts'
import { checkWriteOut, deliver } from '../curl/output.ts'
import { planRequest, timeoutOf } from '../curl/plan.ts'
import { transfer } from '../curl/transfer.ts'
import { audienceFor } from '../protected-resource.ts'

/** Ends with curl's exit code where the transfer failed; other errors are the command's own. */
export async function curl(input: CurlInput): Promise<void> {
  try {
    process.exitCode = await run(input)
  } catch (error) {
    if (!(error instanceof TransferFailure)) throw error
    const { silent, showError } = input.options
    if (silent !== true || showError === true) {
      process.stderr.write(`proofgate curl: (${error.exitCode}) ${error.message}\n`)
    }
    process.exitCode = error.exitCode
  }
}

async function run(input: CurlInput): Promise<number> {
  const { options } = input
  const startedAt = performance.now()
  if (options.writeOut !== undefined) checkWriteOut(options.writeOut)
  const plan = await planRequest(input)
  const context = await openContext(options)
  await requireSignedIn(context)
  const audience = options.audience ?? (await askHost(plan.url))
  const verbose = options.verbose === true
  const answer = await transfer(plan, {
    context,
    audience,
    verbose,
    stepsUp: options.stepUp !== false,
    approval:
      options.approval === false
        ? undefined
        : { browser: options.browser !== false, timeout: timeoutOf(options.proofTimeout) },
  })
  return deliver(answer, options, { url: plan.url, startedAt })
}

async function askHost(url: URL): Promise<string> {
  try {
    return await audienceFor(url)
  } catch (error) {
    if (error instanceof Error && error.name === 'ProofgateError') throw error
    throw transferFailure(error, url)
  }
}

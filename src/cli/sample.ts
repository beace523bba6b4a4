import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { ProofgateError } from '../core/index.ts'

/** The sample service as its own process; ends with us, because it watches the pipe we hold. */
export interface Sample {
  readonly url: string
  readonly stop: () => void
}

export async function startSample(environment: Readonly<Record<string, string>>): Promise<Sample> {
  const child = spawn(process.execPath, [samplePath(), '--port', '0'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  })
  for await (const line of createInterface({ input: child.stdout })) {
    const { listening } = JSON.parse(line) as { listening: string }
    child.stdout.resume()
    child.unref()
    return {
      url: listening,
      stop: () => {
        child.stdin.end()
        child.kill('SIGTERM')
      },
    }
  }
  throw new ProofgateError('sample.not_started', 'the sample service did not start')
}

/** In a clone TypeScript, in an installed package JavaScript. */
function samplePath(): string {
  const built = fileURLToPath(new URL('../../examples/orders/server.js', import.meta.url))
  if (existsSync(built)) return built
  return fileURLToPath(new URL('../../examples/orders/server.ts', import.meta.url))
}

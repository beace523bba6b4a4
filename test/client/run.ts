import { spawn } from 'node:child_process'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The program the tests start. */
export const programPath = fileURLToPath(new URL('program.ts', import.meta.url))
const browser = fileURLToPath(new URL('fake-browser.ts', import.meta.url))

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** One person on one machine: a folder of credentials and an issuer to speak to. */
export interface Machine {
  readonly folder: string
  readonly environment: Record<string, string>
  run(...parameters: readonly string[]): Promise<Ran>
  runWith(input: string, ...parameters: readonly string[]): Promise<Ran>
}

export async function machineFor(issuer: string): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), 'proofgate-client-'))
  const environment: Record<string, string> = {
    PATH: process.env['PATH'] ?? '',
    PROOFGATE_CREDENTIALS_DIR: folder,
    PROOFGATE_ISSUER: issuer,
    BROWSER: `${process.execPath} ${browser}`,
  }
  return {
    folder,
    environment,
    run: (...parameters) => start(environment, '', parameters),
    runWith: (input, ...parameters) => start(environment, input, parameters),
  }
}

function start(
  environment: Record<string, string>,
  input: string,
  parameters: readonly string[],
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [programPath, ...parameters], { env: environment })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString()
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })
}

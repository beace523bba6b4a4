import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from './ports.ts'

/** What a started gateway says of itself (`--json`). */
export interface GatewayFacts {
  readonly issuer: string
  readonly identity: string
  readonly relyingPartyId: string
  readonly console: string
  readonly apis: readonly { name: string; origin: string; audience: string }[]
  readonly admin: string
  readonly dataDirectory: string
  readonly enrolment: { username: string; link: string } | null
}

/** A gateway in its own process, as a user would start it. */
export interface GatewayProcess extends GatewayFacts {
  readonly child: ChildProcess
  readonly api: string
  /** What it wrote to standard error so far. */
  readonly errors: () => string
  /** SIGTERM, and its exit code; null for one that had not ended by itself in a minute. */
  readonly stop: () => Promise<number | null>
  readonly kill: () => Promise<void>
}

export const repository = fileURLToPath(new URL('../..', import.meta.url))
export const program = join(repository, 'bin/proofgate.cjs')

export interface GatewayOptions {
  /** `start` in front of the sample service unless given. */
  readonly command?: readonly string[]
  readonly dataDirectory?: string
  readonly port?: number
  readonly environment?: Readonly<Record<string, string>>
}

/** Starts one on ports that no other test file is given, in a data directory of its own. */
export async function startGateway(options: GatewayOptions = {}): Promise<GatewayProcess> {
  const dataDirectory = options.dataDirectory ?? temporaryDirectory()
  const [port, adminPort] = [options.port ?? (await freePort()), await freePort()]
  const ports = ['--port', String(port), '--admin-port', String(adminPort)]
  const child = spawn(
    process.execPath,
    [program, ...(options.command ?? ['start']), ...ports, '--data-dir', dataDirectory, '--json'],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...options.environment } },
  )
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const facts = await firstLine(child, () => errors)
  const exited = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => resolve(code))
  })
  return {
    ...facts,
    child,
    api: facts.apis[0]?.origin ?? '',
    errors: () => errors,
    stop: () => {
      child.kill('SIGTERM')
      const never = setTimeout(() => child.kill('SIGKILL'), 60_000)
      return exited.finally(() => clearTimeout(never))
    },
    kill: async () => {
      child.kill('SIGKILL')
      await exited
    },
  }
}

async function firstLine(child: ChildProcess, errors: () => string): Promise<GatewayFacts> {
  let text = ''
  return new Promise((resolve, reject) => {
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      const end = text.indexOf('\n')
      if (end !== -1) resolve(JSON.parse(text.slice(0, end)) as GatewayFacts)
    })
    child.once('exit', (code) => reject(new Error(`the gateway ended with ${code}: ${errors()}`)))
  })
}

const made: string[] = []
process.on('exit', () => {
  // A process that was killed may still be about to go.
  for (const directory of made) rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
})

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'proofgate-test-'))
  made.push(directory)
  return directory
}

/** Writes a proofgate.yaml into a directory of its own and answers its path. */
export function configurationFile(text: string): string {
  const path = join(temporaryDirectory(), 'proofgate.yaml')
  writeFileSync(path, text)
  return path
}

/** Runs the command line to its end. */
export async function proofgate(
  args: readonly string[],
  options: { environment?: Readonly<Record<string, string>>; input?: string; cwd?: string } = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...options.environment },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  child.stdin.end(options.input ?? '')
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const code = await new Promise<number | null>((resolve) => {
    child.once('close', resolve)
  })
  return { code, stdout, stderr }
}

/** Starts programs for the benchmark and ends exactly those; knows nothing of what they do. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, closeSync, constants, openSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const START_LIMIT_MILLIS = 20_000
const STOP_LIMIT_MILLIS = 5000
const POLL_MILLIS = 25
const LOG_TAIL_CHARACTERS = 2000
// Debian puts servers where an ordinary person's PATH does not look.
const SYSTEM_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/sbin']

/** The path of an installed program, `undefined` when it is not there. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...SYSTEM_FOLDERS]
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** A port of 127.0.0.1 that was free a moment ago. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

export interface ServerProcess {
  readonly pid: number
  readonly stop: () => Promise<void>
}

export interface ServerCommand {
  /** Program and arguments; a program without a slash is looked for as `findProgram` does. */
  readonly command: readonly [string, ...string[]]
  readonly directory: string
  /** Started means: this port of 127.0.0.1 accepts a connection. */
  readonly port: number
  readonly signal: AbortSignal
  /** Added to our own environment. */
  readonly environment?: Readonly<Record<string, string>>
}

/** Starts a server and waits until it listens; throws with the end of its log when it does not. */
export async function startServer(server: ServerCommand): Promise<ServerProcess> {
  const [name, ...options] = server.command
  const program = name.includes('/') ? name : (findProgram(name) ?? name)
  const logFile = join(server.directory, 'process.log')
  const log = openSync(logFile, 'w')
  const child = spawn(program, options, {
    cwd: server.directory,
    stdio: ['ignore', log, log],
    env: { ...process.env, ...server.environment },
  })
  closeSync(log)
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve()).once('error', () => resolve())
  })
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MILLIS)
    await ended
    clearTimeout(timer)
  }
  const listening = await Promise.race([
    waitForPort(server.port, server.signal),
    ended.then(() => false),
  ])
  if (!listening || child.pid === undefined) {
    await stop()
    const tail = readFileSync(logFile, 'utf8').slice(-LOG_TAIL_CHARACTERS)
    throw new Error(`${server.command.join(' ')} does not listen on ${server.port}\n${tail}`)
  }
  return { pid: child.pid, stop }
}

async function waitForPort(port: number, signal: AbortSignal): Promise<boolean> {
  const giveUpAt = performance.now() + START_LIMIT_MILLIS
  while (performance.now() < giveUpAt && !signal.aborted) {
    if (await accepts(port)) return true
    await delay(POLL_MILLIS)
  }
  return false
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

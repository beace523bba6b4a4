import { setTimeout as delay } from 'node:timers/promises'
import { ProofgateError } from '../core/index.ts'
import type { Configuration } from '../config/index.ts'
import { canShare, requireFree, WaitingRoom } from '../listener/index.ts'
import { DirectoryLock, findRunning } from './data-directory.ts'
import type { DataPaths, RunningServer } from './data-directory.ts'
import type { Log } from './log.ts'

const pollEvery = 20
/** Beyond what the other server has for its requests: closing its state. */
const closing = 10_000

export interface Taken {
  readonly lock: DirectoryLock
  /** Where callers wait, if there was a server to take over from. */
  readonly room: WaitingRoom | undefined
}

/**
 * Takes the place of the server that runs on a data directory, so that no caller notices: binds its port beside
 * it, tells it to end, and lets callers wait until its state is closed. Without one it is an ordinary start.
 *
 * @throws ProofgateError `storage.in_use` when the other one cannot be told, does not end in time, or is taken
 *   over by another process already; `gateway.cannot_listen`.
 */
export async function takeOver(
  configuration: Configuration,
  paths: DataPaths,
  log: Log,
): Promise<Taken> {
  const free = tryLock(paths)
  if (free !== undefined) return { lock: free, room: undefined }
  // Invariant: only who holds the directory is told to end, and by one process at a time.
  const turn = DirectoryLock.takeTurn(paths)
  try {
    return await replace(configuration, paths, log)
  } finally {
    turn.close()
  }
}

async function replace(configuration: Configuration, paths: DataPaths, log: Log): Promise<Taken> {
  const other = findRunning(paths.root)
  if (other === undefined || other.pid === process.pid || !canShare) {
    throw inUse(
      paths,
      canShare ? 'by a process that did not say who it is' : 'and taking over needs Linux',
    )
  }
  const { address, port } = configuration.listeners.public
  if (other.port !== port) await requireFree(address, port)
  const room = await WaitingRoom.open(address, port, configuration.limits.connections)
  try {
    tellToEnd(other, paths)
    log.write('info', 'taking over; the other server finishes what is under way', {
      pid: other.pid,
    })
    const drain = Math.max(configuration.limits.drain, other.drain ?? 0)
    return { lock: await lockOf(paths, drain + closing), room }
  } catch (error) {
    room.close()
    throw error
  }
}

function tellToEnd({ pid }: RunningServer, paths: DataPaths): void {
  try {
    process.kill(pid, 'SIGTERM')
  } catch (cause) {
    // It has just ended by itself: its lock is free.
    if ((cause as NodeJS.ErrnoException).code === 'ESRCH') return
    throw inUse(paths, `by process ${pid}, which this user may not end`)
  }
}

async function lockOf(paths: DataPaths, patience: number): Promise<DirectoryLock> {
  const end = performance.now() + patience
  for (;;) {
    const lock = tryLock(paths)
    if (lock !== undefined) return lock
    if (performance.now() > end) throw inUse(paths, 'by a server that does not end')
    await delay(pollEvery)
  }
}

function tryLock(paths: DataPaths): DirectoryLock | undefined {
  try {
    return DirectoryLock.take(paths)
  } catch (error) {
    if (error instanceof ProofgateError && error.code === 'storage.in_use') return undefined
    throw error
  }
}

function inUse(paths: DataPaths, how: string): ProofgateError {
  return new ProofgateError('storage.in_use', `${paths.root} is in use ${how}`, {
    hint: 'Stop that server first, then start.',
  })
}

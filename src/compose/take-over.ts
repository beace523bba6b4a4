import { setTimeout as delay } from 'node:timers/promises'
import { ProofgateError } from '../core/index.ts'
import type { Configuration } from '../config/index.ts'
import { canShare, WaitingRoom } from '../gateway/index.ts'
import { DirectoryLock, findRunning } from './data-directory.ts'
import type { DataPaths } from './data-directory.ts'
import type { Log } from './log.ts'

const pollEvery = 20
/** Beyond what the other server has for its requests: closing its state. */
const closing = 10_000

/**
 * Takes the place of the server that runs on a data directory, so that no caller notices: binds its port beside
 * it, tells it to end, and lets callers wait until its state is closed. Without one it is an ordinary start.
 *
 * @throws ProofgateError `storage.in_use` when the other one does not end in time, `gateway.cannot_listen`.
 */
export async function takeOver(
  configuration: Configuration,
  paths: DataPaths,
  log: Log,
): Promise<{ lock: DirectoryLock; room: WaitingRoom | undefined }> {
  const other = findRunning(paths.root)
  if (other === undefined) return { lock: DirectoryLock.take(paths), room: undefined }
  const { address, port } = configuration.listeners.public
  if (!canShare) {
    throw new ProofgateError(
      'storage.in_use',
      'taking over needs Linux, where two processes can share a port',
      {
        hint: `Stop process ${other.pid} first, then start.`,
      },
    )
  }
  const room = await WaitingRoom.open(address, port, configuration.limits.connections)
  try {
    process.kill(other.pid, 'SIGTERM')
    log.write('info', 'taking over; the other server finishes what is under way', {
      pid: other.pid,
    })
    return { lock: await lockOf(paths, configuration.limits.drain + closing), room }
  } catch (error) {
    room.close()
    throw error
  }
}

async function lockOf(paths: DataPaths, patience: number): Promise<DirectoryLock> {
  const end = performance.now() + patience
  for (;;) {
    try {
      return DirectoryLock.take(paths)
    } catch (error) {
      const isHeld = error instanceof ProofgateError && error.code === 'storage.in_use'
      if (!isHeld || performance.now() > end) throw error
    }
    await delay(pollEvery)
  }
}

import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { ListenOptions, Server } from 'node:net'

/** Below those that a system hands out by itself, and apart from those that `--port 0` picks. */
const [lowest, highest] = [12_000, 20_000]
const mostTries = 1000

const mine = new Set<number>()

/**
 * A port where nobody listens, for who listens there later, again, or never. It is this process's until its
 * end: no other test file is given it, also while nothing listens there.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < mostTries; tries++) {
    const port = randomInt(lowest, highest)
    if (mine.has(port)) continue
    mine.add(port)
    if (!(await isReserved(port))) continue
    const probe = await listening({ port, host: '127.0.0.1' })
    if (probe === undefined) continue
    await new Promise((resolve) => probe.close(resolve))
    return port
  }
  throw new Error('no free port was found')
}

/** Held by a name that the system frees when the process ends; other systems have no such names. */
async function isReserved(port: number): Promise<boolean> {
  if (process.platform !== 'linux') return true
  const held = await listening({ path: `\0proofgate-test-port-${port}` })
  held?.unref()
  return held !== undefined
}

async function listening(where: ListenOptions): Promise<Server | undefined> {
  const server = createServer()
  try {
    server.listen(where)
    await once(server, 'listening')
    return server
  } catch {
    return undefined
  }
}

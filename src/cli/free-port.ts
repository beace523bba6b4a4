import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { ProofgateError } from '../core/index.ts'

/** Below the ports that systems hand out by themselves, so that nobody gets this one in between. */
const lowest = 20_000
const highest = 32_000
const mostTries = 100

/**
 * A port of the loopback address that nothing listens on.
 *
 * @param promised - what is to be listened on by then, and is no answer.
 */
export async function freePort(promised?: number): Promise<number> {
  for (let tries = 0; tries < mostTries; tries++) {
    const port = randomInt(lowest, highest)
    if (port !== promised && (await isFree(port))) return port
  }
  throw new ProofgateError('gateway.cannot_listen', 'no free port was found', {
    hint: 'Name one with `--port`.',
  })
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer()
  const { promise, resolve } = Promise.withResolvers<boolean>()
  probe.once('error', () => resolve(false))
  probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  return promise
}

import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { ProofgateError } from '../core/index.ts'

export interface Binding {
  readonly address: string
  /** 0 is any free one. */
  readonly port: number
  /** Whether other threads and processes of the same user may have it too. */
  readonly reusePort: boolean
}

/**
 * Binds and resolves with the port.
 *
 * @throws ProofgateError `gateway.cannot_listen`
 */
export async function listenOn(server: Server, binding: Binding): Promise<number> {
  const { address, port, reusePort } = binding
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const failed = (cause: NodeJS.ErrnoException): void => {
    const taken = cause.code === 'EADDRINUSE'
    reject(
      new ProofgateError('gateway.cannot_listen', `cannot listen on ${address}:${port}`, {
        cause,
        hint: taken
          ? 'Another process has this port. Stop it, or choose another with `--port`.'
          : 'Check the address and the permission to bind it.',
      }),
    )
  }
  server.once('error', failed)
  server.listen({ port, host: address, reusePort }, resolve)
  await promise
  server.off('error', failed)
  return (server.address() as AddressInfo).port
}

/**
 * Nobody has the port. A port that may be shared would otherwise be shared with whoever happens to have it.
 *
 * @throws ProofgateError `gateway.cannot_listen`
 */
export async function requireFree(address: string, port: number): Promise<void> {
  if (port === 0) return
  const probe = createServer()
  await listenOn(probe, { address, port, reusePort: false })
  await new Promise<void>((resolve) => {
    probe.close(() => resolve())
  })
}

/** Whether a port can be shared here at all. */
export const canShare: boolean = process.platform === 'linux'

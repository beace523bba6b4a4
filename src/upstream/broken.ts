import type { Socket } from 'node:net'

/** What a write to a connection says that its other side has closed, and how. */
export type BrokenBy = 'end' | 'reset'

/**
 * Lets a connection be read to its end after a write to it has failed: a service may have answered and
 * gone while a body was still being sent to it, and the runtime would throw away what has arrived. Works
 * on sockets that are read by a `SocketReader`.
 */
export function readOn(
  socket: Socket,
  events: {
    /**
     * Called once. The first failure tells a connection that had been ended in good order, and was reset
     * because we went on, from one that was cut.
     */
    broken(by: BrokenBy): void
    /** All that had arrived was read. The runtime has no `end` for a socket that a write has failed on. */
    ended(): void
  },
): void {
  const destroy = socket.destroy.bind(socket)
  let isBroken = false
  socket.destroy = (error?: Error): Socket => {
    const by = isBroken || error === undefined ? undefined : failedWrite(error)
    if (by === undefined) return destroy(error)
    isBroken = true
    const push = socket.push.bind(socket)
    socket.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
      const more = push(chunk, encoding)
      if (chunk === null) events.ended()
      return more
    }
    events.broken(by)
    return socket
  }
}

function failedWrite(error: NodeJS.ErrnoException): BrokenBy | undefined {
  if (error.syscall !== 'write') return undefined
  if (error.code === 'EPIPE') return 'end'
  return error.code === 'ECONNRESET' ? 'reset' : undefined
}

import type { Socket } from 'node:net'
import { longestProxyHeader, parseProxyHeader } from './proxy-header.ts'

/** How long a proxy may take to say whom it speaks for. */
const patience = 5000

/**
 * Reads the PROXY header off a connection and leaves the rest on it, to be read by whoever is next.
 *
 * Invariant: without a sound header in time the connection is closed: its caller would otherwise be taken
 * for the proxy.
 */
export function readProxyHeader(
  socket: Socket,
  outcome: {
    /** `source` is absent when the proxy speaks for itself. */
    readonly onRead: (source: string | undefined) => void
    readonly onRefused: (why: string) => void
  },
): void {
  let held: Buffer = Buffer.alloc(0)
  const stop = (): void => {
    clearTimeout(timer)
    socket.off('data', onData)
    socket.off('end', onEnd)
    socket.off('close', stop)
  }
  const refuse = (why: string): void => {
    stop()
    socket.destroy()
    outcome.onRefused(why)
  }
  const onEnd = (): void => refuse('the connection ended')
  const onData = (chunk: Buffer): void => {
    held = Buffer.concat([held, chunk.subarray(0, longestProxyHeader)])
    const header = parseProxyHeader(held)
    if (header.state === 'incomplete') return
    if (header.state === 'refused') {
      refuse(header.why)
      return
    }
    stop()
    socket.pause()
    const rest = chunk.subarray(
      header.length - (held.length - Math.min(chunk.length, longestProxyHeader)),
    )
    if (rest.length > 0) socket.unshift(rest)
    outcome.onRead(header.source)
  }
  const timer = setTimeout(() => refuse('no header in time'), patience)
  timer.unref()
  socket.on('data', onData)
  socket.on('end', onEnd)
  socket.on('close', stop)
}

import type { Socket } from 'node:net'
import type { Millis } from '../../core/index.ts'
import { connectionPreface } from '../../http2/index.ts'

const preface = Buffer.from(connectionPreface, 'latin1')

/**
 * Tells by its first bytes whether HTTP/2 is spoken on a connection without TLS (RFC 9113 3.3), and leaves
 * all of them on it. A connection that does not say enough in time is closed.
 */
export function whenProtocolIsKnown(
  socket: Socket,
  patience: Millis,
  found: (protocol: 'h2' | 'http/1.1') => void,
): void {
  let held: Buffer = Buffer.alloc(0)
  const timer = setTimeout(() => socket.destroy(), patience)
  timer.unref()
  const stop = (): void => {
    clearTimeout(timer)
    socket.off('data', onData)
    socket.off('end', onEnd)
    socket.off('close', stop)
  }
  const decide = (protocol: 'h2' | 'http/1.1'): void => {
    stop()
    socket.pause()
    if (held.length > 0) socket.unshift(held)
    found(protocol)
  }
  const onData = (chunk: Buffer): void => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    const length = Math.min(held.length, preface.length)
    const begins = held.subarray(0, length).equals(preface.subarray(0, length))
    if (!begins) decide('http/1.1')
    else if (length === preface.length) decide('h2')
  }
  // Less than a preface and no more: HTTP/1.1 knows what to do with it.
  const onEnd = (): void => decide('http/1.1')
  socket.on('data', onData)
  socket.on('end', onEnd)
  socket.on('close', stop)
}

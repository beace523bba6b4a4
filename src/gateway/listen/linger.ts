import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

/** How long a caller that is still sending has, to hear that nobody listens. */
const lingersFor = 2000

/**
 * Closes connections so that their last answer is read (RFC 9112 9.6). The system resets a connection that is
 * closed with something unread, and a caller that is still sending hears of the reset before it has read the
 * answer. So what still comes of the request is read to nowhere, for a while.
 *
 * @param latest - the request that arrived last on the connection.
 */
export function lingerAtEnd(socket: Socket, latest: () => IncomingMessage | undefined): void {
  const close = socket.destroySoon.bind(socket)
  // What the runtime calls when the last answer has left.
  socket.destroySoon = (): void => {
    const request = latest()
    if (request === undefined || request.complete || socket.destroyed) {
      close()
      return
    }
    request.removeAllListeners('data')
    request.once('end', close)
    request.resume()
    socket.resume()
    socket.end()
    setTimeout(() => socket.destroy(), lingersFor).unref()
  }
}

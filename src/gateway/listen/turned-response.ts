import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** An answer that may have to wait for its turn behind others on its connection. */
export class TurnedResponse extends ServerResponse {
  /**
   * Invariant: an answer that was cut short ends its connection, also when its turn comes later. The runtime
   * would send what there is of it then, and leave the caller waiting for the rest.
   */
  override destroy(error?: Error): this {
    if (this.socket === null && !this.destroyed && !this.writableEnded) this.once('socket', close)
    return super.destroy(error)
  }
}

function close(socket: Socket): void {
  socket.destroy()
}

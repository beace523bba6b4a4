import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { listenOn } from './bind.ts'

/**
 * Accepts connections before anything can serve them, while another process on the same port finishes. Nothing
 * is read from them; once they are admitted, and from then on, they go on like any other.
 */
export class WaitingRoom {
  readonly #server: Server
  readonly #most: number
  readonly #waiting = new Set<Socket>()
  #admit: ((socket: Socket) => void) | undefined

  private constructor(most: number) {
    this.#most = most
    this.#server = createServer(
      { pauseOnConnect: true, allowHalfOpen: true, noDelay: true },
      (socket) => this.#arrived(socket),
    )
    // Also of those who were admitted: whoever they are handed to does not count them.
    this.#server.maxConnections = most
  }

  /**
   * @param most - connections that may wait or be open at once; further ones are closed.
   * @throws ProofgateError `gateway.cannot_listen`
   */
  static async open(address: string, port: number, most: number): Promise<WaitingRoom> {
    const room = new WaitingRoom(most)
    await listenOn(room.#server, { address, port, reusePort: true })
    return room
  }

  get server(): Server {
    return this.#server
  }

  /** Connections that may be open at once from now on. */
  limit(most: number): void {
    this.#server.maxConnections = most
  }

  /** Hands over who waits, and everybody who comes. */
  admit(admit: (socket: Socket) => void): void {
    this.#admit = admit
    for (const socket of this.#waiting) this.#hand(socket, admit)
    this.#waiting.clear()
  }

  /** Turns everybody away. */
  close(): void {
    this.#server.close()
    for (const socket of this.#waiting) socket.destroy()
  }

  #arrived(socket: Socket): void {
    if (this.#admit !== undefined) {
      this.#hand(socket, this.#admit)
      return
    }
    if (this.#waiting.size >= this.#most) {
      socket.destroy()
      return
    }
    this.#waiting.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => this.#waiting.delete(socket))
  }

  #hand(socket: Socket, admit: (socket: Socket) => void): void {
    admit(socket)
    socket.resume()
  }
}

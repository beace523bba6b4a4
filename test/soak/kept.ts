import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { UnreadError } from './unread.ts'

/** The answer to one request. */
export interface KeptAnswer {
  readonly status: number
  readonly body: string
}

/**
 * Connections of HTTP/1.1 that are kept, one request at a time on each. Takes an answer of a known length only,
 * and nothing behind it: much less than a client has to, which leaves the machine to the gateway.
 */
export class KeptConnections {
  readonly #idle: KeptConnection[] = []
  readonly #onUnasked: (text: string) => void
  #port = 0

  /** @param onUnasked - told of bytes that answer no request. */
  constructor(onUnasked: (text: string) => void) {
    this.#onUnasked = onUnasked
  }

  /** Sends a request without a body; a connection that is idle is taken before another is opened. */
  call(port: number, head: string): Promise<KeptAnswer> {
    if (port !== this.#port) this.close()
    this.#port = port
    let connection = this.#idle.pop()
    while (connection?.isOver === true) connection = this.#idle.pop()
    connection ??= new KeptConnection(port, {
      rest: (idle) => this.#idle.push(idle),
      onUnasked: this.#onUnasked,
    })
    return connection.call(head)
  }

  /** Ends what is idle. */
  close(): void {
    for (const connection of this.#idle.splice(0)) connection.end()
  }
}

interface Waiting {
  readonly resolve: (answer: KeptAnswer) => void
  readonly reject: (error: Error) => void
}

interface Keeper {
  readonly rest: (connection: KeptConnection) => void
  readonly onUnasked: (text: string) => void
}

class KeptConnection {
  isOver = false
  readonly #socket: Socket
  readonly #keeper: Keeper
  #answers = 0
  #received = ''
  #waiting: Waiting | undefined

  constructor(port: number, keeper: Keeper) {
    this.#keeper = keeper
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.setEncoding('latin1').on('data', (text: string) => this.#take(text))
    this.#socket.on('error', (error) => this.#fail(error.message))
    this.#socket.on('end', () => this.#fail('the connection ended'))
    this.#socket.on('close', () => this.#fail('the connection closed'))
  }

  call(head: string): Promise<KeptAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#socket.write(head, 'latin1')
    })
  }

  end(): void {
    this.isOver = true
    this.#socket.destroy()
  }

  #take(text: string): void {
    if (this.#waiting === undefined) {
      this.#keeper.onUnasked(text)
      this.end()
      return
    }
    this.#received += text
    const end = this.#received.indexOf('\r\n\r\n')
    if (end === -1) return
    const head = this.#received.slice(0, end)
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]
    const length = /\r\ncontent-length: (\d+)(?:\r\n|$)/i.exec(head)?.[1]
    if (status === undefined || length === undefined) {
      this.#fail(`no answer of a known length: ${head}`)
      return
    }
    const body = this.#received.slice(end + 4)
    if (body.length < Number(length)) return
    if (body.length > Number(length)) this.#fail(`bytes behind an answer: ${this.#received}`)
    else this.#answer({ status: Number(status), body }, /\r\nconnection: close/i.test(head))
  }

  #answer(answer: KeptAnswer, isLast: boolean): void {
    this.#answers += 1
    this.#received = ''
    const waiting = this.#waiting
    this.#waiting = undefined
    if (isLast) this.end()
    else this.#keeper.rest(this)
    waiting?.resolve(answer)
  }

  #fail(reason: string): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    this.end()
    const isUnread = this.#answers > 0 && this.#received === ''
    waiting?.reject(isUnread ? new UnreadError(reason) : new Error(reason))
  }
}

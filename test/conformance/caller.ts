import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** A caller over one connection: sends bytes as they are and reads answers one by one. */
export class Caller {
  readonly #socket: Socket
  #text = ''
  #onChange: () => void = () => undefined
  /** Answers to these have no body. */
  readonly #heads: Set<number>
  #finals = 0
  /** Status of each answer that is whole, in order. */
  readonly statuses: number[] = []
  closed = false
  /** When something last came or was sent. */
  touchedAt = performance.now()

  private constructor(socket: Socket, heads: readonly number[]) {
    this.#socket = socket
    this.#heads = new Set(heads)
    socket.setEncoding('latin1')
    socket.on('data', (chunk) => {
      this.#text += chunk
      this.#read()
      this.#touch()
    })
    const over = (): void => {
      this.closed = true
      this.#touch()
    }
    socket.on('end', over)
    socket.on('error', over)
    socket.on('close', over)
  }

  /** @param heads - which of the requests, from 0, are `HEAD`. */
  static async connect(port: number, heads: readonly number[]): Promise<Caller> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    socket.setNoDelay(true)
    return new Caller(socket, heads)
  }

  async send(pieces: readonly string[], eof: boolean): Promise<void> {
    for (const [index, piece] of pieces.entries()) {
      if (index > 0) await delay(20)
      if (this.#socket.destroyed) return
      this.#socket.write(piece, 'latin1')
      this.#touch()
    }
    if (eof) this.#socket.end()
  }

  /** Whether it came true before `millis` went by. */
  async until(isSo: () => boolean, millis: number): Promise<boolean> {
    const end = performance.now() + millis
    while (!isSo()) {
      const left = end - performance.now()
      if (left <= 0) return false
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(left, 25))
        this.#onChange = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    return true
  }

  /** Bytes that belong to no whole answer. */
  get leftover(): string {
    return this.#text
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #touch(): void {
    this.touchedAt = performance.now()
    this.#onChange()
  }

  #read(): void {
    for (;;) {
      const end = this.#text.indexOf('\r\n\r\n')
      const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(this.#text)?.[1])
      if (end === -1 || Number.isNaN(status)) return
      const length = this.#bodyLength(this.#text.slice(0, end), status)
      if (length === undefined || this.#text.length < end + 4 + length) return
      this.#text = this.#text.slice(end + 4 + length)
      this.statuses.push(status)
      if (status >= 200) this.#finals += 1
    }
  }

  /** `undefined` = not known yet. */
  #bodyLength(head: string, status: number): number | undefined {
    if (status < 200 || status === 204 || status === 304) return 0
    if (this.#heads.has(this.#finals)) return 0
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    if (length !== undefined) return Number(length)
    if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return this.closed ? 0 : undefined
    const end = this.#text.indexOf('0\r\n\r\n', head.length + 4)
    return end === -1 ? undefined : end + 5 - head.length - 4
  }
}

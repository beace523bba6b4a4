import { Socket } from 'node:net'

/** The runtime's own object for a TCP connection, as far as `node:net` uses it (decision 0014). */
export interface Handle {
  reading: boolean
  /** Called when something was read. */
  onread: unknown
  readonly bytesRead: number
  /** With those that have not left yet. */
  readonly bytesWritten: number
  readStart(): number
  readStop(): number
  useUserBuffer(memory: Uint8Array): void
  setNoDelay(on: boolean): number
  /** @returns 0 when it was found out. */
  getpeername(found: { address?: string }): number
  writeLatin1String(request: null, text: string): Written
  writeBuffer(request: null, bytes: Uint8Array): Written
  /** Pieces, each with its encoding behind it, `buffer` for bytes. */
  writev(request: null, pieces: readonly (string | Uint8Array)[], isBytes: false): Written
  close(): void
}

/** 0 when all of it has left, another number when nothing ever will. */
export type Written = number | Leaving

/** A write that waits until the system has room. */
export interface Leaving {
  handle: Handle
  oncomplete: (this: Leaving, status: number) => void
  /** What is written has to be held until it has left. */
  buffer: unknown
  /** How it ended, where it has already. */
  readonly writeStatus: number | null
}

/** Where a stream keeps what `onread` says. */
export interface Places {
  readonly buffer: symbol
  readonly callback: symbol
  readonly generator: symbol
}

/** What of the runtime has to be known to have a handle without a socket. */
export interface Hold {
  /** Where a handle keeps the stream it reads for. */
  readonly owner: symbol
  /** What such a stream is asked whenever something was read. */
  readonly wakes: symbol
  /** What a handle calls then. */
  readonly onread: unknown
}

type Internals = Socket & Record<symbol, unknown>

/** By a socket that is never connected and was told how to read. */
const buffer = (): Uint8Array => new Uint8Array(1)
const callback = (): boolean => true

/** Those of this runtime; `undefined` where they are other than expected. */
export const places: Places | undefined = findPlaces()

/** The same. */
export const hold: Hold | undefined = findHold()

function findPlaces(): Places | undefined {
  const told = new Socket({ onread: { buffer, callback } }) as Internals
  const symbols = Object.getOwnPropertySymbols(told)
  const flag = symbols.find((symbol) => symbol.description === 'kBuffer' && told[symbol] === true)
  const generator = symbols.find((symbol) => told[symbol] === buffer)
  const place = symbols.find((symbol) => told[symbol] === callback)
  if (flag === undefined || generator === undefined || place === undefined) return undefined
  return { buffer: flag, callback: place, generator }
}

/**
 * Looks at what a socket does to a handle that is none. Invariant: nothing is called with anything but what the
 * runtime itself calls it with: it aborts the process otherwise.
 */
function findHold(): Hold | undefined {
  const calls: string[] = []
  const write =
    (name: string) =>
    (...given: unknown[]): number => {
      calls.push(`${name} ${given.map((one) => (one === null ? 'null' : typeof one)).join(' ')}`)
      return 0
    }
  const stub = {
    onread: undefined as unknown,
    reading: false,
    readStart: () => 0,
    readStop: () => 0,
    useUserBuffer: () => undefined,
    writeLatin1String: write('text'),
    writeBuffer: write('bytes'),
    writev: write('pieces'),
    close: () => undefined,
  }
  const marks = stub as Record<symbol, unknown>
  const socket = socketOver(stub as unknown as Handle)
  socket.write('a', 'latin1')
  socket.write(Buffer.from('b'))
  socket.cork()
  socket.write('c', 'latin1')
  socket.write(Buffer.from('d'))
  socket.uncork()
  if (calls.join() !== 'text null string,bytes null object,pieces null object boolean') {
    return undefined
  }
  const owner = Object.getOwnPropertySymbols(stub).find((symbol) => marks[symbol] === socket)
  const wakes = Object.getOwnPropertySymbols(Socket.prototype).find(
    ({ description }) => description === 'kUpdateTimer',
  )
  if (owner === undefined || wakes === undefined || typeof stub.onread !== 'function') {
    return undefined
  }
  return { owner, wakes, onread: stub.onread }
}

/** A socket like those that a server accepts, over a handle that was accepted. */
export function socketOver(handle: Handle): Socket {
  return new Socket({ handle, allowHalfOpen: true, manualStart: true } as object)
}

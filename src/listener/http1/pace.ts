import type { Wire } from '../../sockets/index.ts'
import type { Http1Request } from './request.ts'

/** Bytes that have to move between two looks while something is owed. */
const floor = 1024

/**
 * How fast a caller sends a body, or reads an answer. One that owes nothing (an idle event stream, a paused
 * upload) is in time.
 */
export class Pace {
  #read = 0
  #sent = 0
  #tooSlow = 0

  /** @returns how many looks in a row have found too little moved. */
  look({ bytesRead, bytesSent, pending }: Wire, request: Http1Request | undefined): number {
    const owesBody = request !== undefined && !request.complete && !request.isPaused()
    const isTooSlow =
      (owesBody && bytesRead - this.#read < floor) ||
      (pending > 0 && bytesSent - this.#sent < floor)
    this.#tooSlow = isTooSlow ? this.#tooSlow + 1 : 0
    this.#read = bytesRead
    this.#sent = bytesSent
    return this.#tooSlow
  }
}

import {
  ErrorCode,
  Setting,
  defaultFrameSize,
  defaultHeaderTableSize,
  defaultWindow,
} from './codes.ts'
import { ConnectionProblem } from './problem.ts'

const settingLength = 6
/** More in one frame than any peer has a use for: each may cost a walk over all streams. */
const maxSettings = 64
const maxWindow = 2 ** 31 - 1
const maxFrameSize = 2 ** 24 - 1

/** What the peer has told of itself: RFC 9113 6.5.2, each value checked. */
export class PeerSettings {
  headerTableSize = defaultHeaderTableSize
  /** The least table size that the last frame named: an encoder has to pass through it (RFC 7541 4.2). */
  leastHeaderTableSize = defaultHeaderTableSize
  /** Whether the peer, as a client, takes PUSH_PROMISE. We send none. */
  enablePush = true
  /** `Infinity` until the peer says otherwise. */
  maxConcurrentStreams = Infinity
  initialWindowSize = defaultWindow
  maxFrameSize = defaultFrameSize
  /** Advisory; `Infinity` until the peer says otherwise. */
  maxHeaderListSize = Infinity
  /** RFC 8441. */
  enableConnectProtocol = false

  readonly #peer: 'client' | 'server'

  constructor(peer: 'client' | 'server') {
    this.#peer = peer
  }

  /**
   * Takes the payload of one SETTINGS frame, whose length the reader has checked, in order. After a problem
   * the values that came before it are in force; the connection ends, so that nobody sees them.
   */
  apply(payload: Buffer): ConnectionProblem | undefined {
    if (payload.length > maxSettings * settingLength) {
      return new ConnectionProblem(ErrorCode.enhanceYourCalm, 'too many settings in one frame')
    }
    this.leastHeaderTableSize = Infinity
    for (let at = 0; at + settingLength <= payload.length; at += settingLength) {
      const problem = this.#set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2))
      if (problem !== undefined) return problem
    }
    this.leastHeaderTableSize = Math.min(this.leastHeaderTableSize, this.headerTableSize)
    return undefined
  }

  #set(setting: number, value: number): ConnectionProblem | undefined {
    switch (setting) {
      case Setting.headerTableSize:
        this.headerTableSize = value
        this.leastHeaderTableSize = Math.min(this.leastHeaderTableSize, value)
        return undefined
      case Setting.enablePush:
        return this.#setPush(value)
      case Setting.maxConcurrentStreams:
        this.maxConcurrentStreams = value
        return undefined
      case Setting.initialWindowSize:
        if (value > maxWindow)
          return problem(ErrorCode.flowControl, 'an initial window above 2^31-1')
        this.initialWindowSize = value
        return undefined
      case Setting.maxFrameSize:
        if (value < defaultFrameSize || value > maxFrameSize) {
          return problem(ErrorCode.protocol, 'a frame size out of range')
        }
        this.maxFrameSize = value
        return undefined
      case Setting.maxHeaderListSize:
        this.maxHeaderListSize = value
        return undefined
      case Setting.enableConnectProtocol:
        return this.#setConnectProtocol(value)
      default:
        return undefined
    }
  }

  #setPush(value: number): ConnectionProblem | undefined {
    if (value > 1) return problem(ErrorCode.protocol, 'ENABLE_PUSH neither 0 nor 1')
    if (value === 1 && this.#peer === 'server') {
      return problem(ErrorCode.protocol, 'ENABLE_PUSH from a server')
    }
    this.enablePush = value === 1
    return undefined
  }

  /** RFC 8441 3: 0 or 1, and never back to 0. */
  #setConnectProtocol(value: number): ConnectionProblem | undefined {
    if (value > 1 || (value === 0 && this.enableConnectProtocol)) {
      return problem(ErrorCode.protocol, 'ENABLE_CONNECT_PROTOCOL out of range')
    }
    this.enableConnectProtocol = value === 1
    return undefined
  }
}

function problem(code: number, detail: string): ConnectionProblem {
  return new ConnectionProblem(code, detail)
}

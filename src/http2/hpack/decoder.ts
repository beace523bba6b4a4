import type { ConnectionProblem } from '../problem.ts'

/** Bounds of a decoded list (RFC 9113 6.5.2: each line counts its name, its value and 32). */
export interface FieldLimits {
  readonly bytes: number
  readonly count: number
}

/** What a field block says. Only whole when neither `tooLarge` nor `malformed`. */
export interface FieldList {
  /** Name, value, name, value: latin1 text, in order. */
  readonly fields: readonly string[]
  /** A limit was passed; lines beyond it were read, so that the table stays right, and not kept. */
  readonly tooLarge: boolean
  /**
   * What no field may be (RFC 9113 8.2.1: an upper-case or otherwise forbidden name, an octet that no
   * value has): a stream error. For the log: never text of the peer's.
   */
  readonly malformed: string | undefined
}

/** Decodes the field blocks of one connection, in the order they came (RFC 7541). */
export class HeaderDecoder {
  /** @param maxTableSize - what our SETTINGS_HEADER_TABLE_SIZE says. */
  constructor(maxTableSize: number) {
    void maxTableSize
  }

  /** @returns a compression error when the table cannot be right any more: the connection ends. */
  decode(block: Buffer, limits: FieldLimits): FieldList | ConnectionProblem {
    void block
    void limits
    return { fields: [], tooLarge: false, malformed: undefined }
  }
}

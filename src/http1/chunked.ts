/** Extensions carry nothing we use; this many bytes of them per message are read past. */
const maxExtensionBytes = 4096
const maxSizeDigits = 16

/** Behind the first semicolon. */
const extensions =
  /^[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:[ \t]*=[ \t]*(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[\t\x20!\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"))?(?:[ \t]*;[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:[ \t]*=[ \t]*(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[\t\x20!\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"))?)*$/

const CR = 13
const LF = 10
const semicolon = 59

type Step =
  | 'size'
  | 'extension'
  | 'size line feed'
  | 'data'
  | 'data return'
  | 'data line feed'
  | 'trailers'

/**
 * Takes the chunked coding (RFC 9112 7.1) off a body, strictly: hexadecimal sizes of 1 to 16 digits,
 * CRLF everywhere, no blanks, bounded extensions and trailers. Works in place, so that thousands of
 * tiny chunks in one read become one piece of body.
 */
export class ChunkedDecoder {
  /** Bytes of body the last `decode` left at the start of what it was given. */
  produced = 0
  /** The coding is complete, and `trailers` with it. */
  done = false
  /** Set when the input was refused; nothing may be decoded after. */
  problem: 'malformed' | 'too_large' | undefined
  detail = ''
  /** The coding is complete and its trailer section is more than the empty line. */
  hasTrailers = false

  readonly #maxTrailerBytes: number
  #step: Step = 'size'
  #size = 0
  #digits = 0
  #extensionBytes = 0
  #extension: number[] = []
  #trailerBytes: number[] = []
  #lineLength = 0

  constructor(maxTrailerBytes: number) {
    this.#maxTrailerBytes = maxTrailerBytes
  }

  /** The trailer section with its empty line. */
  get trailers(): Buffer {
    return Buffer.from(this.#trailerBytes)
  }

  /**
   * Decodes the next bytes. Moves the body's bytes together at `from`; `produced` says how many.
   *
   * @returns the index after the last byte that belongs to the coding.
   */
  decode(bytes: Buffer, from: number): number {
    let at = from
    this.produced = 0
    while (at < bytes.length && !this.done && this.problem === undefined) {
      at = this.#step === 'data' ? this.#takeData(bytes, at, from) : this.#advance(bytes, at)
    }
    return at
  }

  #takeData(bytes: Buffer, at: number, from: number): number {
    const end = Math.min(bytes.length, at + this.#size)
    const to = from + this.produced
    if (to !== at) bytes.copyWithin(to, at, end)
    this.produced += end - at
    this.#size -= end - at
    if (this.#size === 0) this.#step = 'data return'
    return end
  }

  /** Takes one byte of what surrounds the data. */
  #advance(bytes: Buffer, at: number): number {
    const byte = bytes[at] ?? 0
    switch (this.#step) {
      case 'size':
        this.#takeSizeByte(byte)
        break
      case 'extension':
        this.#takeExtensionByte(byte)
        break
      case 'size line feed':
        this.#expect(byte, LF, this.#size === 0 ? 'trailers' : 'data')
        break
      case 'data return':
        this.#expect(byte, CR, 'data line feed')
        break
      case 'data line feed':
        this.#expect(byte, LF, 'size')
        this.#digits = 0
        break
      case 'trailers':
        this.#takeTrailerByte(byte)
        break
      case 'data':
        break
    }
    return at + 1
  }

  #takeSizeByte(byte: number): void {
    const digit = hexDigit(byte)
    if (digit >= 0) {
      this.#digits += 1
      this.#size = (this.#digits === 1 ? 0 : this.#size * 16) + digit
      if (this.#digits > maxSizeDigits || this.#size > Number.MAX_SAFE_INTEGER) {
        this.#refuse('malformed', 'chunk size out of range')
      }
    } else if (this.#digits === 0) this.#refuse('malformed', 'malformed chunk size')
    else if (byte === CR) this.#step = 'size line feed'
    else if (byte === semicolon) this.#step = 'extension'
    else this.#refuse('malformed', 'malformed chunk size')
  }

  #takeExtensionByte(byte: number): void {
    this.#extensionBytes += 1
    if (byte === CR) this.#endExtensions()
    else if (this.#extensionBytes > maxExtensionBytes) {
      this.#refuse('malformed', 'chunk extensions too long')
    } else if ((byte < 32 && byte !== 9) || byte === 127) {
      this.#refuse('malformed', 'control byte in a chunk extension')
    } else this.#extension.push(byte)
  }

  /** RFC 9112 7.1.1. They are read past, but only as what they are. */
  #endExtensions(): void {
    const text = String.fromCharCode(...this.#extension)
    this.#extension = []
    this.#step = 'size line feed'
    if (!extensions.test(text)) this.#refuse('malformed', 'malformed chunk extension')
  }

  /** Collects up to the empty line; what the lines hold is judged by the head's own rules. */
  #takeTrailerByte(byte: number): void {
    this.#trailerBytes.push(byte)
    if (byte !== LF) {
      this.#lineLength += 1
      if (this.#trailerBytes.length > this.#maxTrailerBytes) {
        this.#refuse('too_large', 'trailer section too long')
      }
      return
    }
    if (this.#trailerBytes.at(-2) !== CR) this.#refuse('malformed', 'bare LF in a trailer section')
    else if (this.#lineLength === 1) {
      this.done = true
      this.hasTrailers = this.#trailerBytes.length > 2
    }
    this.#lineLength = 0
  }

  #expect(byte: number, expected: number, next: Step): void {
    if (byte === expected) this.#step = next
    else this.#refuse('malformed', 'chunk not delimited by CRLF')
  }

  #refuse(problem: 'malformed' | 'too_large', detail: string): void {
    this.problem = problem
    this.detail = detail
  }
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48
  const letter = byte | 0x20
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}

import { createPublicKey, hash, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { auditError } from './errors.ts'
import { MarkKey } from './mark.ts'
import { digestText, parseDigest } from './merkle.ts'
import type { Digest } from './merkle.ts'

/**
 * Checkpoints in the text form of C2SP tlog-checkpoint, signed as C2SP signed-note does with Ed25519
 * (signature type 0x01), the key's name being the log's origin.
 */
export interface Checkpoint {
  readonly origin: string
  /** Number of records the root is over. */
  readonly size: number
  readonly root: Digest
  /** The hash over the marks that this checkpoint makes good for, when there were any. */
  readonly marks?: Digest
}

const ed25519Type = 1
const originForm = /^[\x21-\x2a\x2c-\x7e]{1,200}$/
const sizeForm = /^(?:0|[1-9][0-9]{0,15})$/
const longestNote = 8192
/** Begins the extension line of a checkpoint over batches that ended in marks. */
const marksWord = 'marks '
/** The fixed DER wrapping of a raw Ed25519 public key (RFC 8410). */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')

export function requireOrigin(origin: string): void {
  if (originForm.test(origin)) return
  throw auditError('origin', 'the origin of the audit log is not usable as a name', {
    hint: 'use 1 to 200 visible ASCII characters without a plus sign, such as gateway.example/audit',
  })
}

/** The public half: opens notes signed by one named key. */
export class CheckpointKey {
  readonly origin: string
  readonly #publicKey: KeyObject
  readonly #raw: Buffer
  readonly #id: Buffer

  constructor(origin: string, publicKey: KeyObject) {
    this.origin = origin
    this.#publicKey = publicKey
    this.#raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(spkiPrefix.length)
    const named = Buffer.concat([Buffer.from(`${origin}\n`), Buffer.of(ed25519Type), this.#raw])
    this.#id = hash('sha256', named, 'buffer').subarray(0, 4)
  }

  /** Reads the one-line form `name+id+key`; `undefined` when it is not one. */
  static parse(text: string): CheckpointKey | undefined {
    const line = text.endsWith('\n') ? text.slice(0, -1) : text
    const [origin, id, encoded] = splitTwice(line)
    if (origin === undefined || id === undefined || encoded === undefined) return undefined
    const bytes = strictBase64(encoded)
    if (!originForm.test(origin) || bytes?.length !== 33 || bytes[0] !== ed25519Type) {
      return undefined
    }
    const der = Buffer.concat([spkiPrefix, bytes.subarray(1)])
    const key = new CheckpointKey(
      origin,
      createPublicKey({ key: der, format: 'der', type: 'spki' }),
    )
    return key.print() === line ? key : undefined
  }

  print(): string {
    const encoded = Buffer.concat([Buffer.of(ed25519Type), this.#raw]).toString('base64')
    return `${this.origin}+${this.#id.toString('hex')}+${encoded}`
  }

  signatureLine(signature: Uint8Array): string {
    const value = Buffer.concat([this.#id, signature]).toString('base64')
    return `\u2014 ${this.origin} ${value}\n`
  }

  /**
   * Verifies a note and reads its checkpoint; otherwise says what is wrong with it. Signatures by
   * others (witnesses) are left alone unless `alone` demands that ours is the only one.
   */
  open(note: string, alone: boolean): Checkpoint | string {
    if (note.length > longestNote) return 'is too long'
    const end = note.indexOf('\n\n')
    if (end === -1 || !note.endsWith('\n')) return 'is not a signed note'
    const text = note.slice(0, end + 1)
    const signatures = note.slice(end + 2, -1).split('\n')
    const checkpoint = parseText(text)
    if (checkpoint === undefined) return 'is not a checkpoint'
    if (checkpoint.origin !== this.origin) return 'speaks of a log with another origin'
    if (alone && signatures.length !== 1) return 'has lines that do not belong to it'
    const ours = signatures.filter((line) => line.startsWith(`\u2014 ${this.origin} `))
    if (ours.length === 0) return 'is not signed by this log'
    return ours.some((line) => this.#isSigned(text, line))
      ? checkpoint
      : 'is not signed by the key of this log'
  }

  #isSigned(text: string, line: string): boolean {
    const bytes = strictBase64(line.slice(this.origin.length + 3))
    if (bytes?.length !== 68 || !bytes.subarray(0, 4).equals(this.#id)) return false
    return verify(null, Buffer.from(text), this.#publicKey, bytes.subarray(4))
  }
}

/** The private half. */
export class CheckpointSigner {
  readonly key: CheckpointKey
  readonly marks: MarkKey
  readonly #privateKey: KeyObject

  constructor(origin: string, privateKey: KeyObject) {
    this.key = new CheckpointKey(origin, createPublicKey(privateKey))
    this.marks = new MarkKey(origin, privateKey)
    this.#privateKey = privateKey
  }

  sign(size: number, root: Digest, marks?: Digest): string {
    const extension = marks === undefined ? '' : `${marksWord}${digestText(marks, 'base64')}\n`
    const text = `${this.key.origin}\n${size}\n${digestText(root, 'base64')}\n${extension}`
    return `${text}\n${this.key.signatureLine(sign(null, Buffer.from(text), this.#privateKey))}`
  }
}

/** The origin a note claims, before anything is verified. */
export function claimedOrigin(note: string): string | undefined {
  const origin = note.slice(0, note.indexOf('\n'))
  return originForm.test(origin) ? origin : undefined
}

function parseText(text: string): Checkpoint | undefined {
  const [origin, size, encoded, extension, ...rest] = text.slice(0, -1).split('\n')
  if (origin === undefined || size === undefined || encoded === undefined || rest.length > 0) {
    return undefined
  }
  const root = strictDigest(encoded)
  if (!sizeForm.test(size) || !Number.isSafeInteger(Number(size)) || root === undefined) {
    return undefined
  }
  if (extension === undefined) return { origin, size: Number(size), root }
  if (!extension.startsWith(marksWord)) return undefined
  const marks = strictDigest(extension.slice(marksWord.length))
  return marks === undefined ? undefined : { origin, size: Number(size), root, marks }
}

function strictDigest(text: string): Digest | undefined {
  return strictBase64(text) === undefined ? undefined : parseDigest(text, 'base64')
}

/** One value has exactly one spelling: padding and stray bits count. */
function strictBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

/** The encoded key may itself hold plus signs, so only the first two divide. */
function splitTwice(line: string): readonly string[] {
  const first = line.indexOf('+')
  const second = line.indexOf('+', first + 1)
  if (first === -1 || second === -1) return []
  return [line.slice(0, first), line.slice(first + 1, second), line.slice(second + 1)]
}

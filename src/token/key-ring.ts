import type { KeyObject } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { invariant } from '../core/index.ts'
import type { Clock, Instant, JsonObject, Millis } from '../core/index.ts'
import { tokenFailure } from './errors.ts'
import {
  createKeyFile,
  hasOtherKeyFiles,
  prepareKeyDirectory,
  readKeyFiles,
  removeKeyFile,
} from './key-file.ts'
import type { KeyFile, SigningAlgorithm } from './key-file.ts'
import type { JwsAlgorithm } from './jws.ts'
import type { VerificationKeys } from './verification-keys.ts'

export interface KeyRingOptions {
  /** Made with mode 0700 when it does not exist. */
  readonly directory: string
  readonly clock: Clock
  /** A key is generated for each of these that has none. */
  readonly algorithms: readonly SigningAlgorithm[]
  /**
   * How long a retired key stays published. Must outlast the longest token lifetime, or rotation
   * ends tokens early.
   */
  readonly overlap: Millis
}

/** The key new tokens of one algorithm are signed with. */
export interface SigningKey {
  readonly keyId: string
  readonly algorithm: SigningAlgorithm
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

/** One line of `keys list`; nothing secret. */
export interface KeyRecord {
  readonly keyId: string
  readonly algorithm: SigningAlgorithm
  readonly state: 'active' | 'retired'
  readonly createdAt: Instant
  /** When a retired key stops being published; undefined for the active one. */
  readonly retireAt: Instant | undefined
}

/** A JWK Set (RFC 7517 5). */
export interface JwkSet {
  readonly keys: readonly JsonObject[]
}

/** From one look for new files to the next, in milliseconds, whatever ids are asked for. */
const lookPause = 100
/** An RFC 7638 thumbprint with SHA-256. */
const keyIdForm = /^[\w-]{43}$/

interface RingKey extends KeyFile {
  readonly retireAt: Instant | undefined
}

/**
 * The signing keys of our issuer, one file per key. Files are only ever added and removed, never
 * changed: the highest generation of an algorithm is active, and each key says until when the one
 * before it is published. So processes that share the directory cannot disagree for longer than
 * until their next `reload`, and on whether a new token is theirs not at all: a key id that is unknown
 * makes the ring look for new files first.
 */
export class KeyRing implements VerificationKeys {
  readonly #options: KeyRingOptions
  /** Newest first. */
  #keys: readonly RingKey[] = []
  #byKeyId: ReadonlyMap<string, RingKey> = new Map()
  #revision = 0
  #nextRetireAt: Instant = Infinity
  /** One reading after the other: what was listed earlier never replaces what was listed later. */
  #reading: Promise<unknown> = Promise.resolve()
  /** Not begun: whoever asks meanwhile waits for the same one. */
  #nextLook: Promise<void> | undefined
  /** On the monotonic clock. */
  #lookedAt = -Infinity

  private constructor(options: KeyRingOptions) {
    this.#options = options
  }

  /**
   * Reads the directory and generates keys that are missing. Throws `token.key_damaged`,
   * `token.key_exposed` or `token.key_storage`; a damaged key is never replaced.
   */
  static async open(options: KeyRingOptions): Promise<KeyRing> {
    const { directory, algorithms, clock } = options
    await prepareKeyDirectory(directory)
    const present = new Set((await readKeyFiles(directory)).map(({ algorithm }) => algorithm))
    for (const algorithm of algorithms.filter((wanted) => !present.has(wanted))) {
      await createKeyFile(directory, {
        algorithm,
        generation: 1,
        createdAt: clock.now(),
        predecessorRetiresAt: null,
      })
    }
    const ring = new KeyRing(options)
    await ring.reload()
    return ring
  }

  /**
   * Makes a new active key; the one before stays published for the overlap. Keys whose overlap is
   * over are removed from disk. When another process rotates at the same time both end up with its
   * key, and there is one new key.
   */
  async rotate(algorithm: SigningAlgorithm): Promise<SigningKey> {
    await this.reload()
    const { directory, clock, overlap } = this.#options
    const now = clock.now()
    await createKeyFile(directory, {
      algorithm,
      generation: this.#active(algorithm).generation + 1,
      createdAt: now,
      predecessorRetiresAt: now + overlap,
    })
    for (const key of this.#keys.filter((known) => !isPublished(known, now))) {
      await removeKeyFile(directory, key)
    }
    await this.reload()
    return this.active(algorithm)
  }

  /** The key to sign with. Throws `token.key_missing` for an algorithm the ring has no key of. */
  active(algorithm: SigningAlgorithm): SigningKey {
    return this.#active(algorithm)
  }

  /**
   * Reads what another process changed. On failure the keys known so far stay in use; where nothing changed,
   * what was verified with them stays remembered.
   */
  reload(): Promise<void> {
    const read = this.#reading.then(() => this.#read())
    this.#reading = read.catch(() => undefined)
    return read
  }

  async #read(): Promise<void> {
    const keys = withRetirement(await readKeyFiles(this.#options.directory))
    const missing = this.#options.algorithms.find(
      (wanted) => !keys.some(({ algorithm }) => algorithm === wanted),
    )
    if (missing !== undefined) {
      throw tokenFailure('key_missing', `${this.#options.directory} has no ${missing} key any more`)
    }
    if (isSameRing(this.#keys, keys)) return
    this.#keys = keys
    this.#byKeyId = new Map(keys.map((key) => [key.keyId, key]))
    this.#revision++
    this.#scheduleRetirement(this.#options.clock.now())
  }

  /** Private keys for the OpenID provider, in the order of preference: active ones first. */
  privateJwks(): JwkSet {
    return { keys: this.#published().map((key) => ({ ...key.privateJwk, ...describe(key) })) }
  }

  /** What relying parties and upstreams verify with. */
  publicJwks(): JwkSet {
    return { keys: this.#published().map((key) => ({ ...key.publicJwk, ...describe(key) })) }
  }

  /** Every published key. */
  list(): readonly KeyRecord[] {
    return this.#published().map(({ keyId, algorithm, createdAt, retireAt }) => {
      const state = retireAt === undefined ? 'active' : 'retired'
      return { keyId, algorithm, state, createdAt, retireAt }
    })
  }

  /** At once for an id that is known or that no key has; else after a look for keys of other processes. */
  find(
    keyId: string,
    algorithm: JwsAlgorithm,
  ): KeyObject | undefined | Promise<KeyObject | undefined> {
    if (this.#byKeyId.has(keyId) || !keyIdForm.test(keyId)) return this.#known(keyId, algorithm)
    this.#nextLook ??= this.#look()
    return this.#nextLook.then(() => this.#known(keyId, algorithm))
  }

  /** Invariant: ids that no key has cost one listing of the directory per pause, however many there are. */
  async #look(): Promise<void> {
    const wait = this.#lookedAt + lookPause - performance.now()
    // Also at once it begins later, when whoever asked holds it.
    await (wait > 0 ? delay(wait) : Promise.resolve())
    this.#nextLook = undefined
    this.#lookedAt = performance.now()
    if (await hasOtherKeyFiles(this.#options.directory, this.#keys)) await this.reload()
  }

  #known(keyId: string, algorithm: JwsAlgorithm): KeyObject | undefined {
    const key = this.#byKeyId.get(keyId)
    if (key === undefined || key.algorithm !== algorithm) return undefined
    return isPublished(key, this.#options.clock.now()) ? key.publicKey : undefined
  }

  revisionAt(now: Instant): number {
    if (now >= this.#nextRetireAt) {
      this.#revision++
      this.#scheduleRetirement(now)
    }
    return this.#revision
  }

  #active(algorithm: SigningAlgorithm): RingKey {
    const key = this.#keys.find((known) => known.algorithm === algorithm)
    if (key === undefined) {
      throw tokenFailure('key_missing', `the key ring has no ${algorithm} key`)
    }
    invariant(key.retireAt === undefined, 'the newest key is the active one')
    return key
  }

  #published(): readonly RingKey[] {
    const now = this.#options.clock.now()
    const published = this.#keys.filter((key) => isPublished(key, now))
    const isActive = (key: RingKey) => key.retireAt === undefined
    return [...published.filter(isActive), ...published.filter((key) => !isActive(key))]
  }

  #scheduleRetirement(now: Instant): void {
    const ahead = this.#keys.map(({ retireAt }) => retireAt ?? Infinity).filter((at) => at > now)
    this.#nextRetireAt = Math.min(...ahead, Infinity)
  }
}

/** A key ends when the next one of its algorithm says so; the newest has no end. */
function withRetirement(files: readonly KeyFile[]): readonly RingKey[] {
  const newestFirst = [...files].sort((a, b) => b.generation - a.generation)
  return newestFirst.map((file) => {
    const successor = newestFirst.findLast(
      (other) => other.algorithm === file.algorithm && other.generation > file.generation,
    )
    return { ...file, retireAt: successor?.predecessorRetiresAt ?? successor?.createdAt }
  })
}

/** A key's id is the hash of what it is. */
function isSameRing(one: readonly RingKey[], other: readonly RingKey[]): boolean {
  return (
    one.length === other.length &&
    one.every((key, at) => key.keyId === other[at]?.keyId && key.retireAt === other[at]?.retireAt)
  )
}

function isPublished(key: RingKey, now: Instant): boolean {
  return key.retireAt === undefined || now < key.retireAt
}

function describe(key: RingKey): JsonObject {
  return { kid: key.keyId, use: 'sig', alg: key.algorithm }
}

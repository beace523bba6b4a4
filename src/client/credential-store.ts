import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { isJsonObject, ownProperty, parseBase64url, parseJson, toBase64url } from '../core/index.ts'
import type { Clock, JsonObject } from '../core/index.ts'
import { failure } from './errors.ts'
import type { Keyring } from './keyring.ts'
import { withLock } from './lock.ts'
import {
  preparePrivateFolder,
  readPrivateFile,
  removePrivateFile,
  writePrivateFile,
} from './private-file.ts'
import { encodeProfile, longestProfile, parseProfile } from './profile.ts'
import type { Profile } from './profile.ts'

const longestFile = 2 * longestProfile
const nonceLength = 12
const tagLength = 16

/** How a stored profile is kept from others: sealed with a key in the OS keyring, or by file mode only. */
export type Protection = 'keyring' | 'file'

export interface Stored {
  readonly profile: Profile
  readonly protection: Protection
}

export interface StoreSettings {
  readonly folder: string
  /** Never ask for the keyring. */
  readonly fileOnly: boolean
  readonly clock: Clock
  readonly keyrings: Keyrings
}

/** How to come by the keyring of the system. */
export interface Keyrings {
  /** `undefined` when there is none that keeps what it is given. */
  probe(): Promise<Keyring | undefined>
  /** Without a probe, for what is known to be in it. */
  open(): Promise<Keyring>
}

/**
 * The sign-ins of this person on this machine, one file of mode 0600 per issuer. With a keyring the file is
 * sealed (AES-256-GCM) by a key that only the keyring holds: so one atomic, durable write keeps a rotated
 * refresh token whatever the keyring's own limits of size and durability are.
 */
export class CredentialStore {
  readonly #settings: StoreSettings

  constructor(settings: StoreSettings) {
    this.#settings = settings
  }

  /** For people: where a profile of this protection is. */
  describe(issuer: string, protection: Protection): string {
    const path = this.pathOf(issuer)
    return protection === 'keyring'
      ? `the keyring of the system (${path}, sealed)`
      : `the file ${path} (only you can read it)`
  }

  pathOf(issuer: string): string {
    return join(this.#settings.folder, `credentials-${fileId(issuer)}.json`)
  }

  /** What new sign-ins get here: the keyring when it keeps what it is given. */
  async choose(): Promise<Protection> {
    if (this.#settings.fileOnly) return 'file'
    return (await this.#settings.keyrings.probe()) === undefined ? 'file' : 'keyring'
  }

  /** Invariant: whoever reads a refresh token to use it, or writes one, does so inside this. */
  async locked<T>(issuer: string, work: () => Promise<T>): Promise<T> {
    await preparePrivateFolder(this.#settings.folder)
    return withLock(join(this.#settings.folder, `credentials-${fileId(issuer)}.lock`), work)
  }

  async load(issuer: string): Promise<Stored | undefined> {
    const path = this.pathOf(issuer)
    const text = await readPrivateFile(path, longestFile)
    if (text === undefined) return undefined
    const file = parseJson(text, { length: longestFile, depth: 10 })
    if (!isJsonObject(file)) throw damaged(path)
    const sealed = ownProperty(file, 'sealed')
    const opened =
      sealed === undefined ? ownProperty(file, 'profile') : await this.#unseal(issuer, file)
    const profile = typeof opened === 'string' ? parseProfile(opened) : undefined
    // The issuer too: a file moved to another one's name must not send its tokens there.
    if (profile === undefined || profile.issuer !== issuer) throw damaged(path)
    return { profile, protection: sealed === undefined ? 'file' : 'keyring' }
  }

  /** Durable when it resolves. Call it inside `locked`. */
  async save(profile: Profile, protection: Protection): Promise<void> {
    const text = encodeProfile(profile, this.#settings.clock.now())
    const file =
      protection === 'keyring'
        ? await this.#seal(profile.issuer, text)
        : { version: 1, profile: text }
    await writePrivateFile(this.pathOf(profile.issuer), `${JSON.stringify(file)}\n`)
  }

  /** Forgets the sign-in; the keyring's key goes as well when it can be reached. */
  async remove(issuer: string, protection: Protection): Promise<void> {
    await removePrivateFile(this.pathOf(issuer))
    if (protection === 'file') return
    try {
      await (await this.#settings.keyrings.open()).removeKey(issuer)
    } catch {
      // Without the file it opens nothing.
    }
  }

  async #seal(issuer: string, text: string): Promise<JsonObject> {
    const key = await (await this.#settings.keyrings.open()).ensureKey(issuer)
    const nonce = randomBytes(nonceLength)
    const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagLength })
    cipher.setAAD(Buffer.from(issuer))
    const box = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
    return { version: 1, sealed: toBase64url(box), nonce: toBase64url(nonce) }
  }

  async #unseal(issuer: string, file: JsonObject): Promise<string | undefined> {
    const box = bytes(file, 'sealed')
    const nonce = bytes(file, 'nonce')
    if (box === undefined || box.byteLength < tagLength) return undefined
    if (nonce?.byteLength !== nonceLength) return undefined
    const key = await (await this.#settings.keyrings.open()).loadKey(issuer)
    if (key === undefined) {
      throw failure('store_damaged', 'the key of these credentials is gone from the keyring')
    }
    const end = box.byteLength - tagLength
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagLength })
    decipher.setAAD(Buffer.from(issuer))
    decipher.setAuthTag(box.subarray(end))
    try {
      return Buffer.concat([decipher.update(box.subarray(0, end)), decipher.final()]).toString(
        'utf8',
      )
    } catch {
      return undefined
    }
  }
}

function fileId(issuer: string): string {
  return createHash('sha256').update(issuer).digest('hex').slice(0, 16)
}

function damaged(path: string): Error {
  return failure('store_damaged', `${path} does not hold what was stored`)
}

function bytes(file: JsonObject, name: string): Uint8Array | undefined {
  const value = ownProperty(file, name)
  return typeof value === 'string' ? parseBase64url(value) : undefined
}

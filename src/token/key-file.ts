import { createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { constants } from 'node:fs'
import { link, mkdir, open, readdir, stat, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { isJsonObject, ownProperty, parseJson, ProofgateError, randomId } from '../core/index.ts'
import type { Instant, JsonObject } from '../core/index.ts'
import { tokenFailure } from './errors.ts'
import { importPublicJwk, jwkThumbprint, parsePublicJwk } from './jwk.ts'
import type { PublicJwk } from './jwk.ts'
import { keySuits, parseJws, signJws, verifyJws } from './jws.ts'

/** What our own issuer signs with. */
export type SigningAlgorithm = 'ES256' | 'RS256'

/** One signing key as it stands in its file. */
export interface KeyFile {
  readonly algorithm: SigningAlgorithm
  /** Counts the keys of one algorithm from 1; the highest is the active one. */
  readonly generation: number
  /** RFC 7638 thumbprint. */
  readonly keyId: string
  readonly createdAt: Instant
  /** Until when the key of the generation before is still published; null for the first. */
  readonly predecessorRetiresAt: Instant | null
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly privateJwk: JsonObject
  readonly publicJwk: PublicJwk
}

const format = 'proofgate-signing-key/1'
const fileName = /^sig-(ES256|RS256)-(\d{6})\.json$/
const longestFile = 16_384
const generateEc = promisify(generateKeyPair)

/** Makes the directory if there is none (mode 0700) and refuses one that other accounts can enter. */
export async function prepareKeyDirectory(directory: string): Promise<void> {
  await onDisk(directory, async () => {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const { mode } = await stat(directory)
    refuseExposed(directory, mode, '700')
  })
}

/**
 * Reads every key file of the directory. Throws `token.key_damaged` or `token.key_exposed` for the
 * first file that is not exactly what `createKeyFile` writes; nothing is skipped or repaired.
 */
export async function readKeyFiles(directory: string): Promise<readonly KeyFile[]> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const files = await readListedFiles(directory)
    if (files !== undefined) return files
  }
  throw tokenFailure('key_storage', `${directory} does not stay the same while it is read`)
}

/** Whether the directory has other key files than these, by their names alone: a file is never changed. */
export async function hasOtherKeyFiles(
  directory: string,
  known: readonly KeyFile[],
): Promise<boolean> {
  const found = await onDisk(directory, () => listKeyFiles(directory))
  return found.join() !== known.map(nameOf).sort().join()
}

/**
 * Generates a key and puts it in the place of its generation, which exactly one process can do: the
 * complete, synced file is linked to its name, and a name that is taken is not overwritten.
 *
 * @returns false when another process was first.
 */
export async function createKeyFile(
  directory: string,
  slot: Pick<KeyFile, 'algorithm' | 'generation' | 'createdAt' | 'predecessorRetiresAt'>,
): Promise<boolean> {
  const privateKey = await generatePrivateKey(slot.algorithm)
  const jwk = privateKey.export({ format: 'jwk' }) as JsonObject
  const publicJwk = parsePublicJwk(createPublicKey(privateKey).export({ format: 'jwk' }))
  if (publicJwk === undefined) throw damaged(directory, 'a new key is not a key')
  const content = JSON.stringify({ format, ...slot, keyId: jwkThumbprint(publicJwk), jwk }, null, 2)
  const path = join(directory, nameOf(slot))
  const temporary = join(directory, `.new-${randomId()}`)
  return onDisk(path, async () => {
    try {
      await writeSynced(temporary, `${content}\n`)
      await link(temporary, path)
    } catch (cause) {
      if (isCode(cause, 'EEXIST')) return false
      throw cause
    } finally {
      await unlink(temporary).catch(() => undefined)
    }
    await syncDirectory(directory)
    return true
  })
}

/** Removes the file of a key that is no longer published. */
export async function removeKeyFile(directory: string, file: KeyFile): Promise<void> {
  const path = join(directory, nameOf(file))
  await onDisk(path, async () => {
    await unlink(path).catch((cause: unknown) => {
      if (!isCode(cause, 'ENOENT')) throw cause
    })
  })
}

function nameOf(slot: Pick<KeyFile, 'algorithm' | 'generation'>): string {
  return `sig-${slot.algorithm}-${String(slot.generation).padStart(6, '0')}.json`
}

function generatePrivateKey(algorithm: SigningAlgorithm): Promise<KeyObject> {
  const pair =
    algorithm === 'ES256'
      ? generateEc('ec', { namedCurve: 'P-256' })
      : generateEc('rsa', { modulusLength: 2048 })
  return pair.then(({ privateKey }) => privateKey)
}

/** `undefined` when a file has gone since the directory was listed: another process rotated. */
async function readListedFiles(directory: string): Promise<readonly KeyFile[] | undefined> {
  const names = await onDisk(directory, () => listKeyFiles(directory))
  const files: KeyFile[] = []
  for (const name of names) {
    const file = await readKeyFile(directory, name)
    if (file === undefined) return undefined
    if (files.some((other) => other.keyId === file.keyId)) {
      throw damaged(join(directory, name), 'it holds the same key as another file')
    }
    files.push(file)
  }
  return files
}

async function listKeyFiles(directory: string): Promise<readonly string[]> {
  return (await readdir(directory)).filter((name) => name.startsWith('sig-')).sort()
}

async function readKeyFile(directory: string, name: string): Promise<KeyFile | undefined> {
  const path = join(directory, name)
  const text = await onDisk(path, () => readPrivateText(path))
  if (text === undefined) return undefined
  const match = fileName.exec(name)
  if (match === null) throw damaged(path, 'its name is not one of a key file')
  const file = parseKeyFile(text, path)
  if (file.algorithm !== match[1] || file.generation !== Number(match[2])) {
    throw damaged(path, 'its name and its content do not agree')
  }
  return file
}

async function readPrivateText(path: string): Promise<string | undefined> {
  let handle: FileHandle
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (cause) {
    if (isCode(cause, 'ENOENT')) return undefined
    if (isCode(cause, 'ELOOP')) throw damaged(path, 'it is a symbolic link')
    throw cause
  }
  try {
    const found = await handle.stat()
    if (!found.isFile() || found.size > longestFile) throw damaged(path, 'it is not a small file')
    refuseExposed(path, found.mode, '600')
    return await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}

function parseKeyFile(text: string, path: string): KeyFile {
  const content = parseJson(text, { length: longestFile, depth: 4 })
  if (!isJsonObject(content)) throw damaged(path, 'it is not JSON')
  const algorithm = ownProperty(content, 'algorithm')
  const generation = ownProperty(content, 'generation')
  const createdAt = ownProperty(content, 'createdAt')
  const predecessorRetiresAt = ownProperty(content, 'predecessorRetiresAt')
  if (ownProperty(content, 'format') !== format) throw damaged(path, `its format is not ${format}`)
  if (algorithm !== 'ES256' && algorithm !== 'RS256')
    throw damaged(path, 'its algorithm is unknown')
  if (!isWhole(generation) || generation === 0)
    throw damaged(path, 'its generation is not a number')
  if (!isWhole(createdAt)) throw damaged(path, 'it does not say when it was made')
  if (predecessorRetiresAt !== null && !isWhole(predecessorRetiresAt)) {
    throw damaged(path, 'it does not say when the key before it ends')
  }
  const keys = importKeys(ownProperty(content, 'jwk'), algorithm, path)
  const keyId = jwkThumbprint(keys.publicJwk)
  if (ownProperty(content, 'keyId') !== keyId)
    throw damaged(path, 'its key id is not its thumbprint')
  return { algorithm, generation, keyId, createdAt, predecessorRetiresAt, ...keys }
}

/** The halves of the key, proven to belong together by a signature. */
function importKeys(
  jwk: unknown,
  algorithm: SigningAlgorithm,
  path: string,
): Pick<KeyFile, 'privateKey' | 'publicKey' | 'privateJwk' | 'publicJwk'> {
  if (!isJsonObject(jwk)) throw damaged(path, 'it holds no key')
  const { kty, crv, x, y, n, e } = jwk as Record<string, unknown>
  const publicJwk = parsePublicJwk(kty === 'EC' ? { kty, crv, x, y } : { kty, n, e })
  const publicKey = publicJwk === undefined ? undefined : importPublicJwk(publicJwk)
  if (publicJwk === undefined || publicKey === undefined || !keySuits(publicKey, algorithm)) {
    throw damaged(path, `it holds no key for ${algorithm}`)
  }
  let privateKey: KeyObject
  try {
    privateKey = createPrivateKey({ key: { ...jwk }, format: 'jwk' })
  } catch (cause) {
    throw damaged(path, 'its private key cannot be read', cause)
  }
  if (!areOnePair(privateKey, publicKey, algorithm)) {
    throw damaged(path, 'its private and its public key do not belong together')
  }
  return { privateKey, publicKey, privateJwk: jwk, publicJwk }
}

function areOnePair(key: KeyObject, publicKey: KeyObject, algorithm: SigningAlgorithm): boolean {
  try {
    const probe = signJws({ algorithm, type: 'probe', keyId: 'probe', claims: {}, key })
    const signed = parseJws(probe, longestFile)
    return signed !== undefined && verifyJws(signed, publicKey, algorithm)
  } catch {
    return false
  }
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function refuseExposed(path: string, mode: number, wanted: string): void {
  if (process.platform === 'win32' || (mode & 0o077) === 0) return
  const found = (mode & 0o777).toString(8)
  throw tokenFailure('key_exposed', `${path} has mode ${found}, expected ${wanted}`, {
    hint: `chmod ${wanted} ${path}, then rotate the keys if others may have read them`,
  })
}

async function writeSynced(path: string, content: string): Promise<void> {
  const handle = await open(path, 'wx', 0o600)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Makes the new name survive a power cut; Windows has no such thing. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function isCode(cause: unknown, code: string): boolean {
  return cause instanceof Error && ownProperty(cause, 'code') === code
}

function damaged(path: string, reason: string, cause?: unknown): ProofgateError {
  return tokenFailure('key_damaged', `${path} cannot be used: ${reason}`, {
    cause,
    hint: 'restore it from a backup; to start over, move it away and accept that its tokens end',
  })
}

/** Turns what the file system says into `token.key_storage`; our own failures pass. */
async function onDisk<Outcome>(path: string, work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof ProofgateError) throw cause
    const reason = cause instanceof Error ? cause.message : 'unknown'
    throw tokenFailure('key_storage', `${path}: ${reason}`, { cause })
  }
}

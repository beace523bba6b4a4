import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CheckpointKey, CheckpointSigner } from './checkpoint.ts'
import { auditError } from './errors.ts'
import { errorCode, replaceFile, syncDirectory } from './folder.ts'

const privateName = 'audit.key'
const publicName = 'audit.pub'
/** The key of a log whose creation has not finished: nothing was ever acknowledged under it. */
const pendingName = 'audit.key.pending'

export type KeyState = 'none' | 'pending' | 'present'

export async function keyState(directory: string): Promise<KeyState> {
  if (await exists(join(directory, privateName))) return 'present'
  return (await exists(join(directory, pendingName))) ? 'pending' : 'none'
}

/** Makes a key under its pending name; `confirmKey` gives it its own when the log stands. */
export async function createPendingKey(
  directory: string,
  origin: string,
): Promise<CheckpointSigner> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const { privateKey } = generateKeyPairSync('ed25519')
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' })
  const signer = new CheckpointSigner(origin, privateKey)
  await replaceFile(join(directory, pendingName), pem)
  await replaceFile(join(directory, publicName), `${signer.key.print()}\n`, 0o644)
  await syncDirectory(directory)
  return signer
}

export async function confirmKey(directory: string): Promise<void> {
  await rename(join(directory, pendingName), join(directory, privateName))
  await syncDirectory(directory)
}

export async function dropPendingKey(directory: string): Promise<void> {
  await rm(join(directory, publicName), { force: true })
  await rm(join(directory, pendingName), { force: true })
}

/**
 * The key of an existing log.
 *
 * @throws ProofgateError `audit.key` when others can read it, it is no Ed25519 key, or `audit.pub` is
 *   the half of another one.
 */
export async function loadKey(directory: string, origin: string): Promise<CheckpointSigner> {
  const path = join(directory, privateName)
  const { mode } = await stat(path)
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw auditError('key', `others can read ${path}`, { hint: `run: chmod 600 ${path}` })
  }
  const signer = new CheckpointSigner(origin, parsePrivateKey(path, await readFile(path, 'utf8')))
  const printed = `${signer.key.print()}\n`
  const published = await readOptional(join(directory, publicName))
  if (published === undefined) {
    await replaceFile(join(directory, publicName), printed, 0o644)
  } else if (published !== printed) {
    throw auditError('key', `${privateName} and ${publicName} do not belong together`, {
      hint: `restore both from one backup; ${publicName} alone may be removed, it is then made again`,
    })
  }
  return signer
}

/** The public half kept beside the private one. */
export async function loadPublicKey(directory: string): Promise<CheckpointKey> {
  const text = await readOptional(join(directory, publicName))
  const key = text === undefined ? undefined : CheckpointKey.parse(text)
  if (key !== undefined) return key
  const found = text === undefined ? 'is missing' : 'is not a public key'
  throw auditError('key', `${join(directory, publicName)} ${found}`, {
    hint: 'name the public key of the log yourself, or restore the file',
  })
}

function parsePrivateKey(path: string, pem: string): KeyObject {
  let key: KeyObject | undefined
  let cause: unknown
  try {
    key = createPrivateKey(pem)
  } catch (error) {
    cause = error
  }
  if (key?.asymmetricKeyType === 'ed25519') return key
  throw auditError('key', `${path} does not hold an Ed25519 private key`, {
    cause,
    hint: 'restore it from a backup',
  })
}

export async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

async function exists(path: string): Promise<boolean> {
  return (await readOptional(path)) !== undefined
}

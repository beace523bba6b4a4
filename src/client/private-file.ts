import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ownProperty } from '../core/index.ts'
import { failure } from './errors.ts'

const hasOwners = process.platform !== 'win32'

/** Makes the folder with mode 0700; refuses one that others can write to. */
export async function preparePrivateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  const { mode } = await stat(path)
  if (hasOwners && (mode & 0o022) !== 0) {
    throw failure('store_exposed', `others can write to the folder ${path}`, {
      hint: `take that right away with: chmod 700 ${path}`,
    })
  }
}

/**
 * Reads a file that only its owner may read: `undefined` when there is none, a `ProofgateError` when it
 * belongs to another user, is a link, or others can read or write it.
 *
 * @param longest - in bytes.
 */
export async function readPrivateFile(path: string, longest: number): Promise<string | undefined> {
  let file: FileHandle
  try {
    file = await open(path, constants.O_RDONLY | (hasOwners ? constants.O_NOFOLLOW : 0))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw failure('store_unavailable', `${path} cannot be read`, { cause: error })
  }
  try {
    // Of the open file, so that what was checked is what is read.
    const facts = await file.stat()
    if (hasOwners && ((facts.mode & 0o077) !== 0 || facts.uid !== process.getuid?.())) {
      throw failure('store_exposed', `${path} can be read by others, so it is not used`, {
        hint: `if you trust what is in it: chmod 600 ${path}; if not: proofgate login`,
      })
    }
    if (!facts.isFile() || facts.size > longest) {
      throw failure('store_damaged', `${path} is not a file of ours`)
    }
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

/**
 * Replaces a file as a whole with mode 0600. Invariant: when this resolves, the new text survives a
 * crash; when it does not, the old text is still there.
 */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString('hex')}.new`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
    await syncFolder(dirname(path))
  } catch (error) {
    await rm(temporary, { force: true })
    throw failure('store_unavailable', `${path} cannot be written`, { cause: error })
  }
}

/** True when there was a file to remove. */
export async function removePrivateFile(path: string): Promise<boolean> {
  try {
    await rm(path)
    await syncFolder(dirname(path))
    return true
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw failure('store_unavailable', `${path} cannot be removed`, { cause: error })
  }
}

export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error ? ownProperty(error, 'code') : undefined
  return typeof code === 'string' ? code : undefined
}

/** A rename is durable once its folder is; Windows has no such call and needs none. */
async function syncFolder(path: string): Promise<void> {
  if (!hasOwners) return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

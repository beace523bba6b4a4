import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { constants } from 'node:fs'
import { ProofgateError } from '../core/index.ts'

const largestFile = 1_048_576

/**
 * Reads a configuration or policy file: a regular file of at most 1 MiB of valid UTF-8. Throws otherwise;
 * never waits for a pipe.
 */
export function readTextFile(path: string): string {
  const descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  try {
    if (!fstatSync(descriptor).isFile()) throw refuse('something that is not a file')
    const bytes = Buffer.alloc(largestFile + 1)
    let length = 0
    while (length < bytes.length) {
      const read = readSync(descriptor, bytes, length, bytes.length - length, null)
      if (read === 0) break
      length += read
    }
    if (length > largestFile) throw refuse(`over ${largestFile} bytes`)
    return decode(bytes.subarray(0, length))
  } finally {
    closeSync(descriptor)
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw refuse('bytes that are not UTF-8')
  }
}

function refuse(found: string): ProofgateError {
  return new ProofgateError('config.file', found)
}

/** Why a file could not be read, without the path. */
export function describeReadFailure(error: unknown): string {
  if (error instanceof ProofgateError) return error.message
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'no file of that name'
  if (code === 'EACCES' || code === 'EPERM') return 'a file that may not be read'
  if (code === 'EISDIR') return 'a directory'
  return 'a file that cannot be read'
}

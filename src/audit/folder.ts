import { fdatasync, fstatSync, writeSync } from 'node:fs'
import { open, readdir, rename, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { segmentName, segmentNumber } from './segment.ts'

/** An open segment, as the writer sees it. Each call throws what the system said. */
export interface SegmentFile {
  /** The file's length now; throws when the file is no longer in its folder. */
  length(): number
  /** Writes all of it at this offset, or throws: a part may then have been written. */
  write(bytes: Uint8Array, offset: number): void
  /** Returns when everything written is durable. */
  sync(): Promise<void>
  truncate(length: number): Promise<void>
  close(): Promise<void>
}

/** Where segments and the copy of the checkpoint are kept. */
export interface LogFolder {
  /** Makes a new segment that durably holds its first line. Leaves no file behind when it throws. */
  createSegment(segment: number, header: string): Promise<SegmentFile>
  /** Replaces the copy of the latest checkpoint, durably and at once. */
  replaceCheckpoint(note: string): Promise<void>
}

export const checkpointName = 'checkpoint'

export class DiskFolder implements LogFolder {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  async createSegment(segment: number, header: string): Promise<SegmentFile> {
    const path = join(this.#directory, segmentName(segment))
    const handle = await open(path, 'wx', 0o600)
    const file = new DiskSegment(handle)
    try {
      file.write(Buffer.from(`${header}\n`, 'latin1'), 0)
      await file.sync()
      await syncDirectory(this.#directory)
    } catch (error) {
      await handle.close()
      await rm(path, { force: true })
      throw error
    }
    return file
  }

  async replaceCheckpoint(note: string): Promise<void> {
    await replaceFile(join(this.#directory, checkpointName), note)
    await syncDirectory(this.#directory)
  }

  async openSegment(segment: number): Promise<SegmentFile> {
    return new DiskSegment(await open(join(this.#directory, segmentName(segment)), 'r+'))
  }
}

class DiskSegment implements SegmentFile {
  readonly #handle: FileHandle

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  // In place and not on the thread pool: it costs about a microsecond and must be the last look
  // before the write.
  length(): number {
    const { nlink, size } = fstatSync(this.#handle.fd)
    if (nlink === 0) throw new Error('the file was removed from its folder')
    return size
  }

  // In place as well: it only copies into the page cache, which is cheaper than a turn of the thread pool.
  write(bytes: Uint8Array, offset: number): void {
    let done = 0
    // One call in all but the rare case that the system takes only a part, which is how it announces
    // that the next call will fail.
    while (done < bytes.length) {
      const { fd } = this.#handle
      done += writeSync(fd, bytes, done, bytes.length - done, offset + done)
    }
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#handle.fd, (error) => {
        if (error === null) resolve()
        else reject(error)
      })
    })
  }

  truncate(length: number): Promise<void> {
    return this.#handle.truncate(length)
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

/** Writes a file so that a crash leaves either the old content or the new, never a mixture. */
export async function replaceFile(path: string, content: string, mode = 0o600): Promise<void> {
  const fresh = `${path}.new`
  await rm(fresh, { force: true })
  const handle = await open(fresh, 'wx', mode)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(fresh, path)
}

/** Makes creations and renames in a folder durable. Windows has no such call and needs none. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Numbers of the segments in a folder, ascending; none when the folder does not exist. */
export async function listSegments(directory: string): Promise<readonly number[]> {
  let names: readonly string[]
  try {
    names = await readdir(directory)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
  return names
    .map(segmentNumber)
    .filter((segment) => segment !== undefined)
    .toSorted((a, b) => a - b)
}

export function errorCode(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return ''
  return typeof error.code === 'string' ? error.code : ''
}

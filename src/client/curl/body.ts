import { createReadStream } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { TransferFailure } from './exit.ts'
import type { BodyPart } from './options.ts'

/** What is sent: bytes can be sent again after a refusal, a stream from stdin cannot. */
export type Body =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | {
      readonly kind: 'stream'
      readonly open: () => Readable
      readonly length: number | undefined
      readonly repeatable: boolean
    }

/** Joins the parts as curl does: `&` between form data, nothing between JSON. */
export async function bodyOfParts(parts: readonly BodyPart[]): Promise<Body> {
  const pieces: Buffer[] = []
  for (const [index, part] of parts.entries()) {
    if (index > 0 && part.kind !== 'json') pieces.push(Buffer.from('&'))
    pieces.push(await readPart(part))
  }
  return { kind: 'bytes', bytes: Buffer.concat(pieces) }
}

/** `-T FILE`, `-` for stdin. */
export async function bodyOfUpload(path: string): Promise<Body> {
  if (path === '-') {
    return { kind: 'stream', open: () => process.stdin, length: undefined, repeatable: false }
  }
  try {
    const file = await open(path, 'r')
    const facts = await file.stat()
    await file.close()
    const length = facts.isFile() ? facts.size : undefined
    const repeatable = facts.isFile()
    return { kind: 'stream', open: () => createReadStream(path), length, repeatable }
  } catch (error) {
    throw new TransferFailure('readFailed', `${path} cannot be read`, error)
  }
}

async function readPart(part: BodyPart): Promise<Buffer> {
  if (part.kind === 'raw' || !part.value.startsWith('@')) return Buffer.from(part.value)
  const bytes = await readSource(part.value.slice(1))
  // As curl: `-d @file` is for form data that an editor may have wrapped.
  return part.kind === 'data'
    ? Buffer.from(bytes.filter((byte) => byte !== 10 && byte !== 13))
    : bytes
}

async function readSource(path: string): Promise<Buffer> {
  try {
    return path === '-' ? await buffer(process.stdin) : await readFile(path)
  } catch (error) {
    throw new TransferFailure('readFailed', `${path} cannot be read`, error)
  }
}

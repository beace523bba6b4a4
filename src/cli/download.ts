import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ProofgateError } from '../core/index.ts'
import { isFetchable, longestBlob } from '../metadata/index.ts'

const longestWait = 300_000

/**
 * Fetches a list into a file of its own and removes it after `work`. The address is the administrator's: none is
 * ever taken from a list, a certificate or an answer, and answers that lead elsewhere are refused.
 *
 * @throws ProofgateError `metadata.not_fetched`
 */
export async function withDownload<Result>(
  url: string,
  work: (file: string) => Promise<Result>,
): Promise<Result> {
  if (!isFetchable(url)) {
    throw notFetched(`found ${url}, expected an address that begins with https://`)
  }
  const bytes = await download(url)
  const folder = mkdtempSync(join(tmpdir(), 'proofgate-mds-'))
  try {
    // A server that runs as somebody else reads it; what is in it is public.
    chmodSync(folder, 0o755)
    const file = join(folder, 'blob.jwt')
    writeFileSync(file, bytes, { mode: 0o644 })
    return await work(file)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function download(url: string): Promise<Uint8Array> {
  const signal = AbortSignal.timeout(longestWait)
  const response = await fetch(url, { redirect: 'manual', credentials: 'omit', signal }).catch(
    (cause: unknown) => {
      throw notFetched(`${url} did not answer`, cause)
    },
  )
  if (response.status !== 200) {
    await response.body?.cancel()
    throw notFetched(`${url} answered ${response.status}`)
  }
  try {
    return await readBounded(response.body)
  } catch (cause) {
    if (cause instanceof ProofgateError) throw cause
    throw notFetched(`${url} broke off`, cause)
  }
}

async function readBounded(body: ReadableStream<Uint8Array> | null): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of body ?? []) {
    length += piece.byteLength
    if (length > longestBlob) throw notFetched(`the answer is longer than ${longestBlob} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

function notFetched(message: string, cause?: unknown): ProofgateError {
  return new ProofgateError('metadata.not_fetched', message, {
    cause,
    hint: 'Download the list in another way, and bring it in with `proofgate mds import FILE`.',
  })
}

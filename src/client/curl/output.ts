import { createWriteStream } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { Transform } from 'node:stream'
import type { Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { failure } from '../errors.ts'
import { errorCode } from '../private-file.ts'
import { printable } from '../terminal.ts'
import { exitCodes, TransferFailure, transferFailure } from './exit.ts'
import type { CurlOptions } from './options.ts'
import { headLines } from './transfer.ts'

/** Writes the answer where it is wanted, as it comes; gives the exit code. */
export async function deliver(
  answer: IncomingMessage,
  options: CurlOptions,
  request: { url: URL; startedAt: number },
): Promise<number> {
  const status = answer.statusCode ?? 0
  const failed = status >= 400 && (options.fail === true || options.failWithBody === true)
  const wantsBody = !(failed && options.failWithBody !== true)
  const counter = new ByteCounter()
  if (wantsBody) await writeAnswer(answer, options, { counter, url: request.url })
  answer.destroy()
  if (options.writeOut !== undefined) {
    process.stdout.write(
      formatWriteOut(options.writeOut, {
        http_code: String(status).padStart(3, '0'),
        response_code: String(status).padStart(3, '0'),
        content_type: answer.headers['content-type'] ?? '',
        size_download: String(counter.total),
        time_total: ((performance.now() - request.startedAt) / 1000).toFixed(6),
        url: request.url.href,
      }),
    )
  }
  if (!failed) return 0
  if (options.silent !== true || options.showError === true) {
    process.stderr.write(
      `proofgate curl: (${exitCodes.refusedByStatus}) the answer was ${status}\n`,
    )
  }
  return exitCodes.refusedByStatus
}

async function writeAnswer(
  answer: IncomingMessage,
  options: CurlOptions,
  parts: { counter: ByteCounter; url: URL },
): Promise<void> {
  const toFile = options.output !== undefined && options.output !== '-'
  const target: Writable = toFile ? createWriteStream(options.output ?? '') : process.stdout
  let writeError: unknown
  target.once('error', (error) => {
    writeError = error
  })
  if (options.include === true || options.head === true) {
    target.write(`${headLines(answer).join('\r\n')}\r\n\r\n`)
  }
  try {
    await pipeline(answer, parts.counter, target, { end: false })
    if (toFile) {
      target.end()
      await finished(target)
    }
  } catch (error) {
    throw writeError === undefined ? readFailure(error, parts.url) : writeFailure(writeError)
  }
}

function writeFailure(error: unknown): TransferFailure {
  const reason = errorCode(error) === 'EPIPE' ? 'nobody reads the output' : 'the output failed'
  return new TransferFailure('writeFailed', reason, error)
}

function readFailure(error: unknown, url: URL): TransferFailure {
  const code = errorCode(error)
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE') {
    return new TransferFailure('partial', `${url.host}: the answer broke off`, error)
  }
  return transferFailure(error, url)
}

class ByteCounter extends Transform {
  total = 0

  override _transform(
    chunk: Buffer,
    _encoding: BufferEncoding,
    done: (error: null, chunk: Buffer) => void,
  ): void {
    this.total += chunk.length
    done(null, chunk)
  }
}

const writeOutNames: ReadonlySet<string> = new Set([
  'http_code',
  'response_code',
  'content_type',
  'size_download',
  'time_total',
  'url',
])

/** Refuses names that are not known before anything is sent. */
export function checkWriteOut(format: string): void {
  for (const [, name = ''] of format.matchAll(/%\{([^}]*)\}/g)) {
    if (writeOutNames.has(name)) continue
    throw failure('arguments_invalid', `-w does not know %{${printable(name, 40)}}`, {
      hint: `it knows ${[...writeOutNames].join(', ')}`,
    })
  }
}

function formatWriteOut(format: string, values: Readonly<Record<string, string>>): string {
  return format.replace(/%%|%\{([^}]*)\}|\\([nrt])/g, (_match, name?: string, escape?: string) => {
    if (name !== undefined) return Object.hasOwn(values, name) ? (values[name] ?? '') : ''
    if (escape === undefined) return '%'
    return escape === 'n' ? '\n' : escape === 'r' ? '\r' : '\t'
  })
}

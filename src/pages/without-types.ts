import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { join } from 'node:path'

/** By the group or by everybody. */
const writableByOthers = 0o022

/**
 * A module in JavaScript: types are blanked out, nothing else changes. What does that takes 50 ms and 20 MiB to
 * load, so the outcome is kept beside what Node compiled.
 */
export function withoutTypes(source: string): string {
  const directory = ownFolder()
  if (directory === undefined) return nodeModule.stripTypeScriptTypes(source)
  const file = join(directory, `browser-${digestOf(source)}`)
  const kept = readKept(file)
  if (kept !== undefined) return kept
  const stripped = nodeModule.stripTypeScriptTypes(source)
  keep(file, stripped)
  return stripped
}

/**
 * Invariant: what is sent to browsers is never read from where somebody else can write. The launcher checks the
 * folder that it chooses, but `NODE_COMPILE_CACHE` can name any.
 */
function ownFolder(): string | undefined {
  const compiled = nodeModule.getCompileCacheDir()
  if (compiled === undefined) return undefined
  const folder = join(compiled, 'pages')
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const { uid, mode } = statSync(folder)
    const isOurs = process.getuid === undefined || uid === process.getuid()
    return isOurs && (process.platform === 'win32' || (mode & writableByOthers) === 0)
      ? folder
      : undefined
  } catch {
    return undefined
  }
}

/** Nothing when it is not there, or not whole. */
function readKept(file: string): string | undefined {
  try {
    const text = readFileSync(file, 'utf8')
    const end = text.indexOf('\n')
    const stripped = text.slice(end + 1)
    return text.slice(0, end) === digestOf(stripped) ? stripped : undefined
  } catch {
    return undefined
  }
}

function keep(file: string, stripped: string): void {
  const draft = `${file}.${process.pid}`
  try {
    writeFileSync(draft, `${digestOf(stripped)}\n${stripped}`, { mode: 0o600 })
    renameSync(draft, file)
  } catch {
    // Where nothing can be written, the next start does it again.
  }
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

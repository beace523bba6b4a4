import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { getCompileCacheDir } from 'node:module'
import { dirname } from 'node:path'

/*
 * Begins the process that reads configurations. Imports nothing of ours: a server waits for that process longer
 * than for anything else it loads, so it begins before that is loaded.
 */

/** Nothing where no process can be had; whoever is given one has to look whether it still lives. */
export function beginReading(): ChildProcess | undefined {
  try {
    const child = fork(entry, {
      serialization: 'advanced',
      execArgv: ['--disable-warning=ExperimentalWarning'],
      env: childEnvironment(),
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    // Told before anybody else can listen, or nobody would know what to do.
    child.on('error', () => undefined)
    return child
  } catch {
    return undefined
  }
}

/** As this file: TypeScript in the repository, JavaScript in the package. */
const entry = new URL(
  import.meta.filename.endsWith('.ts') ? './entry.ts' : './entry.js',
  import.meta.url,
)

/** Ours, but for an inspector, which has one port; what the process compiled is kept where this one keeps it. */
function childEnvironment(): NodeJS.ProcessEnv {
  const options = (process.env['NODE_OPTIONS'] ?? '').split(/\s+/)
  const compiled = getCompileCacheDir()
  return {
    ...process.env,
    NODE_OPTIONS: options.filter((option) => !option.startsWith('--inspect')).join(' '),
    ...(compiled === undefined ? {} : { NODE_COMPILE_CACHE: dirname(compiled) }),
  }
}

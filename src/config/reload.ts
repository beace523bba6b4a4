import { createHash } from 'node:crypto'
import { watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { dirname } from 'node:path'
import type { Millis } from '../core/index.ts'
import { millis } from '../core/index.ts'
import type { LoadResult } from './load.ts'
import type { Configuration } from './model.ts'
import type { ConfigurationProblem, ConfigurationSource } from './problems.ts'

export interface WatcherOptions {
  /** Absolute paths of the files of the configuration now in use. */
  readonly files: readonly string[]
  readonly readFile: (path: string) => string
  /** Loads anew; must read files with the given function only. Nobody waits for it after `ended`. */
  readonly load: (
    readFile: (path: string) => string,
    ended: AbortSignal,
  ) => LoadResult | Promise<LoadResult>
  readonly onLoaded: (
    configuration: Configuration,
    warnings: readonly ConfigurationProblem[],
    sources: readonly ConfigurationSource[],
  ) => void
  readonly onProblems: (
    problems: readonly ConfigurationProblem[],
    sources: readonly ConfigurationSource[],
  ) => void
  /** How long files must stay the same before they are believed; 200 ms unless given. */
  readonly settle?: Millis
}

/**
 * Loads the configuration again when its file or a policy file changes, or on `reload()` (SIGHUP).
 *
 * Invariant: `onLoaded` is only ever called with a configuration that passed every check; what is bad goes
 * to `onProblems` and changes nothing.
 *
 * A change is believed once the content was read twice alike, `settle` apart: an editor that writes in
 * place is never caught half-way, and a burst of changes is one reload. Directories are watched, not files,
 * because editors and orchestrators replace files by renaming.
 */
export class ConfigurationWatcher {
  readonly #options: WatcherOptions
  readonly #watchers = new Map<string, FSWatcher>()
  readonly #settle: Millis
  #files: readonly string[]
  /** Of the content last loaded, good or bad. */
  #loaded: string
  /** Of the content last seen, not yet believed. */
  #seen: string | undefined
  #timer: NodeJS.Timeout | undefined
  /** One after the other. */
  #loading: Promise<unknown> = Promise.resolve()
  /** Asked for, and not begun: whoever asks meanwhile means the same one. */
  #asked: Promise<void> | undefined
  /** Begun or waiting. */
  #underWay = 0
  readonly #ended = new AbortController()

  constructor(options: WatcherOptions) {
    this.#options = options
    this.#settle = options.settle ?? millis(200)
    this.#files = options.files
    this.#loaded = fingerprint(this.#snapshot())
    this.#watchDirectories()
  }

  /** Loads now, changed or not; resolves when what came of it was told. */
  async reload(): Promise<void> {
    if (this.#ended.signal.aborted) return
    this.#cancel()
    this.#asked ??= this.#queue(() => {
      this.#asked = undefined
      return this.#snapshot()
    })
    await this.#asked
  }

  /** No callback is called afterwards. */
  close(): void {
    this.#ended.abort()
    this.#cancel()
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  #cancel(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#seen = undefined
  }

  #onEvent(): void {
    if (this.#ended.signal.aborted || this.#timer !== undefined) return
    this.#timer = setTimeout(() => this.#look(), this.#settle)
    this.#timer.unref()
  }

  #look(): void {
    this.#timer = undefined
    const snapshot = this.#snapshot()
    const print = fingerprint(snapshot)
    if (print === this.#loaded) {
      this.#seen = undefined
    } else if (print === this.#seen && this.#underWay === 0) {
      this.#seen = undefined
      this.#loaded = print
      void this.#queue(() => snapshot)
    } else {
      this.#seen = print
      this.#onEvent()
    }
  }

  /** @param snapshotOf - called when it is its turn. */
  #queue(snapshotOf: () => ReadonlyMap<string, string | undefined>): Promise<void> {
    this.#underWay += 1
    const loaded = this.#loading
      .then(() => this.#loadNext(snapshotOf()))
      .finally(() => {
        this.#underWay -= 1
      })
    this.#loading = loaded.catch(() => undefined)
    return loaded
  }

  async #loadNext(snapshot: ReadonlyMap<string, string | undefined>): Promise<void> {
    if (this.#ended.signal.aborted) return
    const read = new Map(snapshot)
    // What was looked at is what is loaded: a file is read once, even one first named now.
    const result = await this.#options.load((path) => {
      if (!read.has(path)) read.set(path, this.#tryRead(path))
      const text = read.get(path)
      if (text === undefined) return this.#options.readFile(path)
      return text
    }, this.#ended.signal)
    if (this.#ended.signal.aborted) return
    this.#files = [...new Set([...this.#options.files, ...result.files])]
    this.#loaded = fingerprint(new Map(this.#files.map((path) => [path, read.get(path)])))
    this.#watchDirectories()
    // What changed while it was loaded was seen by watchers of before, or by none.
    this.#onEvent()
    if ('configuration' in result) {
      this.#options.onLoaded(result.configuration, result.warnings, result.sources)
    } else this.#options.onProblems(result.problems, result.sources)
  }

  #snapshot(): ReadonlyMap<string, string | undefined> {
    return new Map(this.#files.map((path) => [path, this.#tryRead(path)]))
  }

  #tryRead(path: string): string | undefined {
    try {
      return this.#options.readFile(path)
    } catch {
      return undefined
    }
  }

  #watchDirectories(): void {
    const wanted = new Set(this.#files.map((path) => dirname(path)))
    for (const [directory, watcher] of this.#watchers) {
      if (wanted.has(directory)) continue
      watcher.close()
      this.#watchers.delete(directory)
    }
    for (const directory of wanted) this.#watchDirectory(directory)
  }

  /** A directory that is not there yet is tried again with the next load. */
  #watchDirectory(directory: string): void {
    if (this.#ended.signal.aborted || this.#watchers.has(directory)) return
    try {
      const watcher = watch(directory, { persistent: false }, () => this.#onEvent())
      watcher.on('error', () => {
        watcher.close()
        this.#watchers.delete(directory)
      })
      this.#watchers.set(directory, watcher)
    } catch {
      this.#watchers.delete(directory)
    }
  }
}

/** Length-prefixed, so that no two contents read the same. */
function fingerprint(contents: ReadonlyMap<string, string | undefined>): string {
  const hash = createHash('sha256')
  for (const path of [...contents.keys()].toSorted()) {
    const text = contents.get(path)
    hash.update(JSON.stringify([path, text ?? null])).update('\n')
  }
  return hash.digest('hex')
}

/** CPU time and memory of processes, read from Linux's /proc. */
import { readdirSync, readFileSync } from 'node:fs'

/** The kernel reports in units of 1/100 s (USER_HZ), whatever its own clock runs at. */
const MICROS_PER_TICK = 10_000

interface ProcessFacts {
  readonly parent: number
  /** User and system time of the process with all its threads, in microseconds. */
  readonly micros: number
  /** The same of its children that have ended and been waited for. */
  readonly endedMicros: number
  /** Resident set size. */
  readonly residentPages: number
}

/** Of memory, on every machine this runs on. */
const PAGE_BYTES = 4096

/** User and system time of these processes and all their living descendants, in microseconds. */
export function readCpuMicros(roots: readonly number[]): number {
  return familyOf(roots).reduce((sum, { micros }) => sum + micros, 0)
}

/** Resident memory of these processes and all their living descendants, in bytes; shared pages count for each. */
export function readResidentBytes(roots: readonly number[]): number {
  return familyOf(roots).reduce((sum, own) => sum + own.residentPages * PAGE_BYTES, 0)
}

function familyOf(roots: readonly number[]): readonly ProcessFacts[] {
  const times = new Map<number, ProcessFacts>()
  for (const name of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue
    const stat = readStat(name)
    if (stat !== undefined) times.set(Number(name), parseStat(stat))
  }
  const missing = roots.find((pid) => !times.has(pid))
  if (missing !== undefined) throw new Error(`process ${missing} ended while it was measured`)
  return [...times].flatMap(([pid, own]) => (descends(pid, roots, times) ? [own] : []))
}

/** Reads the fields of /proc/PID/stat (proc(5)); the second, the name, may hold blanks and brackets. */
export function parseStat(stat: string): ProcessFacts {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [parent, user, system, endedUser, endedSystem, residentPages] = [1, 11, 12, 13, 14, 21].map(
    (at) => Number(fields[at]),
  )
  return {
    parent: parent!,
    micros: (user! + system!) * MICROS_PER_TICK,
    endedMicros: (endedUser! + endedSystem!) * MICROS_PER_TICK,
    residentPages: residentPages!,
  }
}

function readStat(pid: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined
  }
}

function descends(
  pid: number,
  roots: readonly number[],
  times: ReadonlyMap<number, ProcessFacts>,
): boolean {
  for (let at: number | undefined = pid; at; at = times.get(at)?.parent) {
    if (roots.includes(at)) return true
  }
  return false
}

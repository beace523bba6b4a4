/** CPU time of processes, read from Linux's /proc. */
import { readdirSync, readFileSync } from 'node:fs'

/** The kernel reports in units of 1/100 s (USER_HZ), whatever its own clock runs at. */
const MICROS_PER_TICK = 10_000

interface ProcessTimes {
  readonly parent: number
  /** User and system time of the process with all its threads, in microseconds. */
  readonly micros: number
}

/** User and system time of these processes and all their living descendants, in microseconds. */
export function readCpuMicros(roots: readonly number[]): number {
  const times = new Map<number, ProcessTimes>()
  for (const name of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue
    const stat = readStat(name)
    if (stat !== undefined) times.set(Number(name), parseStat(stat))
  }
  const missing = roots.find((pid) => !times.has(pid))
  if (missing !== undefined) throw new Error(`process ${missing} ended while it was measured`)
  let micros = 0
  for (const [pid, own] of times) if (descends(pid, roots, times)) micros += own.micros
  return micros
}

/** Reads the fields of /proc/PID/stat (proc(5)); the second, the name, may hold blanks and brackets. */
export function parseStat(stat: string): ProcessTimes {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [parent, user, system] = [fields[1], fields[11], fields[12]].map(Number)
  return { parent: parent!, micros: (user! + system!) * MICROS_PER_TICK }
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
  times: ReadonlyMap<number, ProcessTimes>,
): boolean {
  for (let at: number | undefined = pid; at; at = times.get(at)?.parent) {
    if (roots.includes(at)) return true
  }
  return false
}

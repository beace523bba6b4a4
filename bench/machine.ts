/** The machine of a run, and how much of it others used meanwhile: waiting times are theirs as well. */
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseStat, readCpuMicros } from './cpu.ts'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly node: string
  /** Share of all cores' time that programs other than the run's own used, from 0 to 1. */
  readonly usedByOthers: number
}

/** Above this share waiting times and requests per second say little; CPU per request still does. */
export const NOISY_SHARE = 0.1

const MICROS_PER_TICK = 10_000

interface Mark {
  readonly at: number
  readonly everyone: number
  readonly ours: number
}

/** Begins to watch; the answer tells what was seen since. */
export function watchMachine(): () => Machine {
  const begin = mark()
  return () => {
    const end = mark()
    const processors = cpus()
    const others = end.everyone - begin.everyone - (end.ours - begin.ours)
    const available = (end.at - begin.at) * 1000 * processors.length
    return {
      cpu: processors[0]?.model ?? 'unknown',
      cores: processors.length,
      node: process.version,
      usedByOthers: Number(Math.min(1, Math.max(0, others / available)).toFixed(3)),
    }
  }
}

function mark(): Mark {
  return {
    at: performance.now(),
    everyone: busyMicros(readFileSync('/proc/stat', 'utf8')),
    ours: ourMicros(),
  }
}

/** What all cores did but idle and wait for disks, from the first line of /proc/stat (proc(5)). */
export function busyMicros(stat: string): number {
  const [user, nice, system, , , irq, softirq, steal] = stat
    .slice(0, stat.indexOf('\n'))
    .split(/ +/)
    .slice(1)
    .map(Number)
  return [user, nice, system, irq, softirq, steal].reduce<number>(
    (sum, ticks) => sum + (ticks ?? 0) * MICROS_PER_TICK,
    0,
  )
}

/** Of this process and its children: those that live, and those that have ended. */
function ourMicros(): number {
  const { endedMicros } = parseStat(readFileSync('/proc/self/stat', 'utf8'))
  return readCpuMicros([process.pid]) + endedMicros
}

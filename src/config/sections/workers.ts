import { availableParallelism } from 'node:os'
import { z } from 'zod'
import { readAmount } from '../scalars.ts'

const most = 64

/** `auto`, or how many threads serve. */
export function workers() {
  return z
    .union(
      [
        z.enum(['auto']),
        z.number().meta({ type: 'integer', minimum: 1, maximum: most }),
        z.string(),
      ],
      {
        error: 'workers',
      },
    )
    .refine((value) => value === 'auto' || isCount(readAmount(value)), { error: 'workers' })
    .meta({ description: 'threads that serve: auto is one per processor' })
}

/** Where a port cannot be shared between threads, one serves. */
export function readWorkers(value: number | string): number {
  if (value !== 'auto') return readAmount(value)
  return process.platform === 'linux' ? Math.min(availableParallelism(), most) : 1
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1 && value <= most
}

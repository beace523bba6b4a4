import type { Brand } from './brand.ts'

export type Seconds = Brand<number, 'Seconds'>
export type Millis = Brand<number, 'Millis'>

const unitMillis = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const shape = /^(\d{1,9})(ms|s|m|h|d)$/

/** Parses `250ms`, `30s`, `5m`, `12h`, `7d`; `undefined` for anything else. */
export function parseDuration(text: string): Millis | undefined {
  const match = shape.exec(text)
  if (match === null) return undefined
  const unit = match[2] as keyof typeof unitMillis
  return (Number(match[1]) * unitMillis[unit]) as Millis
}

export function millis(value: number): Millis {
  return value as Millis
}

export function seconds(value: number): Seconds {
  return value as Seconds
}

/** Rounds up, so that a shorter-than-a-second duration never becomes zero. */
export function toSeconds(value: Millis): Seconds {
  return Math.ceil(value / 1000) as Seconds
}

/** The largest exact unit: 300000 becomes `5m`. */
export function printDuration(value: Millis): string {
  if (value === 0) return '0s'
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (value % unitMillis[unit] === 0) return `${value / unitMillis[unit]}${unit}`
  }
  return `${value}ms`
}

import { InvalidArgumentError } from 'commander'
import { parseDuration } from '../../../core/index.ts'
import type { Instant } from '../../../core/index.ts'

/** `24h` is that long before now, `2026-11-22T09:00:00Z` that time. */
export function parsePeriod(text: string): Instant {
  const ago = parseDuration(text)
  const at = ago === undefined ? Date.parse(text) : Date.now() - ago
  if (!Number.isNaN(at)) return at
  throw new InvalidArgumentError(
    'a time is written in ISO 8601, such as 2026-11-22T09:00:00Z, or as a time ago, such as 24h or 7d',
  )
}

import type { Draft } from '../../draft.ts'
import type { Maintenance, OwnAnswer } from '../../features.ts'
import type { PathSegment } from '../../model.ts'
import { quote } from '../../problems.ts'
import type { Path } from '../../problems.ts'
import { readAmount, readDuration } from '../../scalars.ts'
import type { MaintenanceShape, RedirectShape, RespondShape } from '../../schema/features.ts'
import { checkReferences } from '../people.ts'
import { checkHeaderName } from './headers.ts'
import { isPlainOrigin } from './origin.ts'
import { isFault, parsePathTemplate } from './values.ts'

const longestBody = 64 * 1024
/** RFC 9110 6.4.1. */
const bodiless: ReadonlySet<number> = new Set([204, 205, 304])
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

export function resolveRespond(draft: Draft, path: Path, shape: RespondShape): OwnAnswer {
  const status = readAmount(shape.status)
  const hasJson = Object.hasOwn(shape, 'json')
  const body = shape.body ?? (hasJson ? JSON.stringify(shape.json) : '')
  if (shape.body !== undefined && hasJson) {
    report(draft, [...path, 'json'], 'found `body` and `json`, expected one of them')
  }
  if (body !== '' && bodiless.has(status)) {
    report(draft, [...path, 'status'], `found ${status} with a body, expected none`)
  }
  if (Buffer.byteLength(body) > longestBody) {
    report(draft, path, `found a body over ${longestBody} bytes, expected a short one`)
  }
  const headers = Object.entries(shape.headers).map(([name, value]) => {
    const use = { direction: 'response', writes: true } as const
    checkHeaderName(draft, [...path, 'headers', name], name, use)
    return { name: name.toLowerCase(), value }
  })
  const isTyped = headers.some(({ name }) => name === 'content-type')
  if (body !== '' && !isTyped) {
    const value = hasJson ? 'application/json' : 'text/plain; charset=utf-8'
    headers.unshift({ name: 'content-type', value })
  }
  return { kind: 'respond', status, headers, body }
}

const destination = /^(?<origin>https?:\/\/[^/?#]*)?(?<path>\/[^?#]*)?(?<tail>[?#][!-z|~]*)?$/

/** Invariant: parameters stand in the path only; the origin is the text that is written here. */
export function resolveRedirect(
  draft: Draft,
  path: Path,
  shape: RedirectShape,
  segments: readonly PathSegment[],
): OwnAnswer | undefined {
  const status = readAmount(shape.status)
  if (!redirects.has(status)) {
    report(draft, [...path, 'status'], `found ${status}, expected 301, 302, 303, 307 or 308`)
  }
  const { origin, path: written, tail = '' } = destination.exec(shape.to)?.groups ?? {}
  const isSound = origin === undefined ? written !== undefined : isPlainOrigin(origin)
  if (!isSound) {
    const expected = 'an http(s) URL or a path, with parameters only as segments of the path'
    report(draft, [...path, 'to'], `found ${quote(shape.to)}, expected ${expected}`)
    return undefined
  }
  const parts = parsePathTemplate(written ?? '/', segments)
  if (!isFault(parts)) return { kind: 'redirect', status, origin: origin ?? '', path: parts, tail }
  draft.report([...path, 'to'], { code: 'config.template', ...parts })
  return undefined
}

export function resolveMaintenance(draft: Draft, path: Path, shape: MaintenanceShape): Maintenance {
  const { message, retryAfter, allowGroups } = shape
  checkReferences(draft, [...path, 'allowGroups'], allowGroups, 'groups')
  return {
    message,
    retryAfter: retryAfter === undefined ? undefined : readDuration(retryAfter),
    allowGroups,
  }
}

function report(draft: Draft, path: Path, message: string): void {
  const hint = 'See docs/routes.md for what a route can answer by itself.'
  draft.report(path, { code: 'config.answer', message, hint })
}

import type { Draft } from '../../draft.ts'
import type { NamedValue, PathRewrite, QueryEdits } from '../../features.ts'
import type { PathSegment } from '../../model.ts'
import { quote } from '../../problems.ts'
import type { Path } from '../../problems.ts'
import type { QueryShape, RewriteShape } from '../../schema/features.ts'
import { parsePathPattern } from '../paths.ts'
import { isFault, parsePathTemplate, parseValue } from './values.ts'

/** @param segments - of the route's path. */
export function resolveRewrite(
  draft: Draft,
  path: Path,
  shape: RewriteShape,
  segments: readonly PathSegment[],
): PathRewrite | undefined {
  const { path: template, stripPrefix, addPrefix } = shape
  if (template !== undefined && (stripPrefix !== undefined || addPrefix !== undefined)) {
    report(draft, [...path, 'path'], 'found a template and prefixes, expected one of them')
    return undefined
  }
  if (template !== undefined) {
    const parts = parsePathTemplate(template, segments)
    if (!isFault(parts)) return { kind: 'template', parts }
    draft.report([...path, 'path'], { code: 'config.template', ...parts })
    return undefined
  }
  const strip = resolvePrefix(draft, [...path, 'stripPrefix'], stripPrefix)
  const add = resolvePrefix(draft, [...path, 'addPrefix'], addPrefix)
  if (strip === '' && add === '') return undefined
  if (!beginsWith(segments, strip)) {
    const found = `found ${quote(strip)}, expected what the path of the route begins with`
    report(draft, [...path, 'stripPrefix'], found)
  }
  return { kind: 'prefix', strip, add }
}

/** Empty for none. */
function resolvePrefix(draft: Draft, path: Path, prefix: string | undefined): string {
  if (prefix === undefined) return ''
  const segments = parsePathPattern(prefix)
  if ('message' in segments) {
    draft.report(path, { code: 'config.rewrite', ...segments })
    return ''
  }
  if (segments.length > 0 && segments.every(({ kind }) => kind === 'literal')) return prefix
  report(draft, path, `found ${quote(prefix)}, expected literal segments such as /api/v2`)
  return ''
}

/** Invariant: only whole literal segments are cut off, so `/api` is never taken from `/apix`. */
function beginsWith(segments: readonly PathSegment[], prefix: string): boolean {
  const wanted = prefix === '' ? [] : prefix.slice(1).split('/')
  return wanted.every((text, index) => {
    const segment = segments[index]
    return segment?.kind === 'literal' && segment.text === text
  })
}

function report(draft: Draft, path: Path, message: string): void {
  const hint = 'Write `path`, or `stripPrefix` and `addPrefix` in whole literal segments.'
  draft.report(path, { code: 'config.rewrite', message, hint })
}

export function resolveQuery(
  draft: Draft,
  path: Path,
  shape: QueryShape,
  segments: readonly PathSegment[],
): QueryEdits {
  const read = (edit: 'set' | 'add'): NamedValue[] =>
    Object.entries(shape[edit]).flatMap(([name, text]) => {
      const value = parseValue(text, segments)
      if (!isFault(value)) return [{ name, value }]
      draft.report([...path, edit, name], { code: 'config.template', ...value })
      return []
    })
  const rename = Object.entries(shape.rename).map(([from, to]) => ({ from, to }))
  checkRenames(draft, path, rename)
  return { keep: shape.keep, remove: shape.remove, rename, set: read('set'), add: read('add') }
}

/** Two names that become one would let a caller say which of them counts. */
function checkRenames(draft: Draft, path: Path, rename: QueryEdits['rename']): void {
  for (const { from, to } of rename) {
    const isSource = rename.some((other) => other.from === to)
    const isShared = rename.some((other) => other.to === to && other.from !== from)
    if (!isSource && !isShared) continue
    draft.report([...path, 'rename', from], {
      code: 'config.query',
      message: `found ${quote(to)} as the new name, expected one that no other rename uses`,
      hint: 'Renames are made at the same time; each needs a name of its own.',
    })
  }
}

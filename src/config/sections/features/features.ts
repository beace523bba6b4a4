import type { Draft } from '../../draft.ts'
import type { HeaderEdits, OwnAnswer, PathRewrite, RouteFeatures } from '../../features.ts'
import type { PathSegment } from '../../model.ts'
import type { Path } from '../../problems.ts'
import type { HeaderChangesShape } from '../../schema/features.ts'
import type { ApiShape, RouteShape } from '../../schema.ts'
import { readWebSocket } from '../live.ts'
import { resolveMaintenance, resolveRedirect, resolveRespond } from './answers.ts'
import { resolveCors } from './cors.ts'
import { resolveHeaders } from './headers.ts'
import type { Direction } from './headers.ts'
import { resolveQuery, resolveRewrite } from './rewrite.ts'
import { resolveMirror, resolveSplit } from './traffic.ts'

/** What the routes of an API have unless they say otherwise. Resolved once, so that faults are named once. */
export type InheritedFeatures = Pick<
  RouteFeatures,
  'headers' | 'cors' | 'maintenance' | 'split' | 'mirror'
>

/** Reads what stands on the API, or what a route has of the same. */
export function resolveInherited(
  draft: Draft,
  path: Path,
  shape: ApiShape | RouteShape,
  segments: readonly PathSegment[],
): InheritedFeatures {
  const { cors, maintenance, split, mirror } = shape
  return {
    headers: {
      request: headersOf(draft, path, shape.headers, { direction: 'request', segments }),
      response: headersOf(draft, path, shape.headers, { direction: 'response', segments }),
    },
    cors: cors === undefined ? undefined : resolveCors(draft, [...path, 'cors'], cors),
    maintenance:
      maintenance === undefined
        ? undefined
        : resolveMaintenance(draft, [...path, 'maintenance'], maintenance),
    split: split === undefined ? undefined : resolveSplit(draft, [...path, 'split'], split),
    mirror: mirror === undefined ? undefined : resolveMirror(draft, [...path, 'mirror'], mirror),
  }
}

export function resolveFeatures(
  draft: Draft,
  path: Path,
  shape: RouteShape,
  context: {
    readonly api: ApiShape
    readonly inherited: InheritedFeatures
    readonly segments: readonly PathSegment[]
  },
): RouteFeatures {
  const { inherited, segments } = context
  const own = resolveInherited(draft, path, shape, segments)
  const features = {
    rewrite: rewriteOf(draft, path, shape, context),
    query:
      shape.query === undefined
        ? undefined
        : resolveQuery(draft, [...path, 'query'], shape.query, segments),
    headers: {
      request: [...inherited.headers.request, ...own.headers.request],
      response: [...inherited.headers.response, ...own.headers.response],
    },
    cors: own.cors ?? inherited.cors,
    answer: answerOf(draft, path, shape, segments),
    maintenance: own.maintenance ?? inherited.maintenance,
    split: own.split ?? inherited.split,
    mirror: own.mirror ?? inherited.mirror,
  }
  checkTogether(draft, path, shape)
  checkCorsHeaders(draft, path, features)
  return features
}

function headersOf(
  draft: Draft,
  path: Path,
  shape: HeaderChangesShape | undefined,
  context: { readonly direction: Direction; readonly segments: readonly PathSegment[] },
): readonly HeaderEdits[] {
  const edits = shape?.[context.direction]
  if (edits === undefined) return []
  return [resolveHeaders(draft, [...path, 'headers', context.direction], edits, context)]
}

function rewriteOf(
  draft: Draft,
  path: Path,
  shape: RouteShape,
  { api, segments }: { readonly api: ApiShape; readonly segments: readonly PathSegment[] },
): PathRewrite | undefined {
  const rewrite = shape.rewrite ?? api.rewrite
  if (rewrite === undefined || shape.respond !== undefined || shape.redirect !== undefined) {
    return undefined
  }
  return resolveRewrite(draft, [...path, 'rewrite'], rewrite, segments)
}

function answerOf(
  draft: Draft,
  path: Path,
  { respond, redirect }: RouteShape,
  segments: readonly PathSegment[],
): OwnAnswer | undefined {
  if (respond !== undefined) return resolveRespond(draft, [...path, 'respond'], respond)
  if (redirect === undefined) return undefined
  return resolveRedirect(draft, [...path, 'redirect'], redirect, segments)
}

/** A route that answers by itself sends nothing, so nothing about sending can be meant. */
function checkTogether(draft: Draft, path: Path, shape: RouteShape): void {
  const [answer] = (['respond', 'redirect'] as const).filter((key) => shape[key] !== undefined)
  if (answer === undefined) return
  const others = ['redirect', 'rewrite', 'query', 'split', 'mirror'] as const
  const websocket = readWebSocket(shape) === undefined ? [] : (['websocket'] as const)
  for (const key of [...others.filter((one) => shape[one] !== undefined), ...websocket]) {
    if (key === answer) continue
    draft.report(
      [...path, key],
      {
        code: 'config.answer',
        message: `found \`${key}\` beside \`${answer}\`, expected one of them`,
        hint: 'A route that answers by itself asks no service.',
      },
      'key',
    )
  }
}

function checkCorsHeaders(
  draft: Draft,
  path: Path,
  { cors, headers }: Pick<RouteFeatures, 'cors' | 'headers'>,
): void {
  if (cors === undefined) return
  const written = headers.response.flatMap(({ set, add }) => [...set, ...add])
  const clash = written.find(({ name }) => name.startsWith('access-control-'))
  if (clash === undefined) return
  draft.report(
    path,
    {
      code: 'config.cors',
      message: `found ${clash.name} among the response headers, expected it in \`cors\` alone`,
      hint: 'With `cors` the gateway writes these lines itself.',
    },
    'key',
  )
}

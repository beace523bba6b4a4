import type { Draft } from '../../draft.ts'
import type { Cors } from '../../features.ts'
import { quote } from '../../problems.ts'
import type { Path } from '../../problems.ts'
import { readDuration, readFlag } from '../../scalars.ts'
import type { CorsShape } from '../../schema/features.ts'
import { isPlainOrigin } from './origin.ts'

export function resolveCors(draft: Draft, path: Path, shape: CorsShape): Cors {
  const origins: string[] = []
  const wildcards: { before: string; after: string }[] = []
  for (const [index, origin] of shape.origins.entries()) {
    if (origin === '*') continue
    const wildcard = readWildcard(origin)
    if (wildcard !== undefined) wildcards.push(wildcard)
    else if (isPlainOrigin(origin)) origins.push(origin)
    else reportOrigin(draft, [...path, 'origins', index], origin)
  }
  const credentials = readFlag(shape.credentials)
  if (credentials) checkStars(draft, path, shape)
  const { methods, headers, exposeHeaders } = shape
  return {
    origins,
    wildcards,
    anyOrigin: shape.origins.includes('*'),
    methods,
    headers: headers.map((name) => name.toLowerCase()),
    exposeHeaders: exposeHeaders.map((name) => name.toLowerCase()),
    credentials,
    maxAge: readDuration(shape.maxAge),
  }
}

/** `https://*.example.com`: below two labels at least, or it would be everybody's. */
function readWildcard(text: string): { before: string; after: string } | undefined {
  const star = text.indexOf('*')
  const before = text.slice(0, star)
  const after = text.slice(star + 1)
  if (star === -1 || !/^https?:\/\/$/.test(before)) return undefined
  const isNarrow = /^\.[^.*]+\.[^*]+$/.test(after)
  return isNarrow && isPlainOrigin(`${before}x${after}`) ? { before, after } : undefined
}

function reportOrigin(draft: Draft, path: Path, origin: string): void {
  draft.report(path, {
    code: 'config.cors',
    message: `found ${quote(origin)}, expected an origin such as https://app.example.com or https://*.example.com`,
    hint: 'Scheme and host in lower case, a port only when it is not the usual one, nothing else; `null` is everybody.',
  })
}

/** Fetch standard 3.2.5: with credentials a `*` stands for itself, and all origins would be everybody. */
function checkStars(draft: Draft, path: Path, shape: CorsShape): void {
  for (const key of ['origins', 'headers', 'exposeHeaders'] as const) {
    const index = shape[key].indexOf('*')
    if (index === -1) continue
    draft.report([...path, key, index], {
      code: 'config.cors',
      message: 'found * together with credentials, expected a list',
      hint: 'Name what is allowed, or leave `credentials` out.',
    })
  }
}

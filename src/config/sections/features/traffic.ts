import type { Draft } from '../../draft.ts'
import type { Mirror, Share } from '../../features.ts'
import { quote } from '../../problems.ts'
import type { Path } from '../../problems.ts'
import { readAmount, readFlag, readSize } from '../../scalars.ts'
import type { MirrorShape, SplitShape } from '../../schema/features.ts'
import { checkReference } from '../people.ts'

export function resolveSplit(draft: Draft, path: Path, shape: SplitShape): readonly Share[] {
  const shares = shape.map(({ upstream, weight }) => ({ upstream, weight: readAmount(weight) }))
  for (const [index, { upstream }] of shares.entries()) {
    checkReference(draft, [...path, index, 'upstream'], upstream, 'upstreams')
    if (shares.findIndex((other) => other.upstream === upstream) === index) continue
    const message = `found ${quote(upstream)} a second time, expected each upstream once`
    report(draft, [...path, index, 'upstream'], message)
  }
  if (shares.every(({ weight }) => weight === 0)) {
    report(draft, path, 'found only weights of 0, expected one above')
  }
  return shares
}

export function resolveMirror(draft: Draft, path: Path, shape: MirrorShape): Mirror {
  checkReference(draft, [...path, 'upstream'], shape.upstream, 'upstreams')
  return {
    upstream: shape.upstream,
    percent: readAmount(shape.percent),
    maxBody: readSize(shape.maxBody),
    unsafeMethods: readFlag(shape.unsafeMethods),
    concurrency: readAmount(shape.concurrency),
  }
}

function report(draft: Draft, path: Path, message: string): void {
  const hint = 'Shares are relative: { upstream: new, weight: 5 } beside 95 is five in a hundred.'
  draft.report(path, { code: 'config.split', message, hint })
}

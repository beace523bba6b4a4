import type { Draft } from '../../draft.ts'
import type { HeaderEdits, NamedValue } from '../../features.ts'
import type { PathSegment } from '../../model.ts'
import { quote } from '../../problems.ts'
import type { Path } from '../../problems.ts'
import type { HeaderEditsShape } from '../../schema/features.ts'
import { isFault, parseValue } from './values.ts'

export type Direction = 'request' | 'response'

/** Folded, as they are compared. RFC 9110 7.6.1, framing, and what the gateway itself writes. */
const ownNames: Readonly<Record<Direction, RegExp>> = {
  request:
    /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|http2-settings|content-length|expect|host|dpop|x-request-id|forwarded|x-forwarded-(for|proto|host)|client-cert(-chain)?|x-proofgate(-.*)?|sec-websocket-.*)$/,
  response:
    /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-length|x-request-id|x-proofgate(-.*)?|sec-websocket-.*)$/,
}

/** May be removed, but not made: they carry credentials, whose place is elsewhere. */
const credentialNames: Readonly<Record<Direction, RegExp>> = {
  request: /^(authorization|cookie)$/,
  response: /^set-cookie$/,
}

export function resolveHeaders(
  draft: Draft,
  path: Path,
  shape: HeaderEditsShape,
  context: { readonly direction: Direction; readonly segments: readonly PathSegment[] },
): HeaderEdits {
  const { direction, segments } = context
  const read = (edit: 'set' | 'add'): NamedValue[] =>
    Object.entries(shape[edit]).flatMap(([name, text]) => {
      const place = [...path, edit, name]
      checkHeaderName(draft, place, name, { direction, writes: true })
      const value = parseValue(text, segments)
      if (!isFault(value)) return [{ name: name.toLowerCase(), value }]
      draft.report(place, { code: 'config.template', ...value })
      return []
    })
  const remove = shape.remove.map((name, index) => {
    checkHeaderName(draft, [...path, 'remove', index], name, { direction, writes: false })
    return name.toLowerCase()
  })
  return { remove, set: read('set'), add: read('add') }
}

/** Invariant: no route changes a name by which messages are divided or callers are vouched for. */
export function checkHeaderName(
  draft: Draft,
  path: Path,
  name: string,
  use: { readonly direction: Direction; readonly writes: boolean },
): void {
  const folded = name.toLowerCase().replace(/[^a-z0-9]/g, '-')
  const isOwn = ownNames[use.direction].test(folded)
  const isCredential = use.writes && credentialNames[use.direction].test(folded)
  if (!isOwn && !isCredential) return
  draft.report(
    path,
    {
      code: 'config.header-name',
      message: `found ${quote(name)}, expected a header that is not the gateway's own`,
      hint: isOwn
        ? 'The gateway writes this one itself, or it divides messages.'
        : 'It can be removed, but not set: it carries credentials.',
    },
    typeof path.at(-1) === 'number' ? 'value' : 'key',
  )
}

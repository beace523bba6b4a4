import type { Draft } from '../draft.ts'
import type { Configuration, ConfiguredPolicy } from '../model.ts'
import { quote } from '../problems.ts'
import { placeDocument, readDocument } from './access/documents.ts'
import type { PolicyFiles } from './access/documents.ts'

/**
 * The named policies, read by what they are used as: a permission boundary may be less long than a policy
 * of people, groups and roles.
 */
export function resolvePolicies(
  draft: Draft,
  files: PolicyFiles,
): Pick<Configuration, 'policies' | 'boundaries'> {
  const attached = attachedNames(draft)
  const bounding = boundaryNames(draft)
  warnOfUnused(draft, new Set([...attached, ...bounding]))
  const policies: ConfiguredPolicy[] = []
  const boundaries: ConfiguredPolicy[] = []
  for (const name of Object.keys(draft.shape.policies)) {
    const at = ['policies', name]
    const placed = placeDocument(draft, at, files)
    if (placed === undefined) continue
    draft.derive(at, placed.value)
    for (const kind of kindsOf(bounding.has(name), attached.has(name))) {
      const read = readDocument(draft, name, placed, { kind })
      // What is unsound as one kind is not told of a second time as the other.
      if (read === undefined) break
      if (kind === 'identity') policies.push(read)
      else boundaries.push(read)
    }
  }
  return { policies, boundaries }
}

/** The shorter kind first. One that nobody has is read as if somebody had it. */
function kindsOf(bounds: boolean, isAttached: boolean): readonly ('boundary' | 'identity')[] {
  if (!bounds) return ['identity']
  return isAttached ? ['boundary', 'identity'] : ['boundary']
}

function attachedNames({ shape }: Draft): ReadonlySet<string> {
  return new Set([
    ...Object.values(shape.groups).flatMap((group) => group.policies),
    ...Object.values(shape.attachments).flat(),
    ...Object.values(shape.roles).flatMap((role) => role.policies),
  ])
}

function boundaryNames({ shape }: Draft): ReadonlySet<string> {
  const bounded = [...shape.people, ...Object.values(shape.roles)]
  return new Set(bounded.flatMap(({ boundary }) => boundary ?? []))
}

function warnOfUnused(draft: Draft, used: ReadonlySet<string>): void {
  for (const name of Object.keys(draft.shape.policies)) {
    if (used.has(name)) continue
    draft.warn(['policies', name], {
      code: 'config.warn-unused-policy',
      message: `found no group, person or role with the policy ${quote(name)}, expected one`,
      hint: 'It takes no part in any decision.',
    })
  }
}

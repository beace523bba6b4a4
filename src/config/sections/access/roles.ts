import type { Draft } from '../../draft.ts'
import type { Configuration, ConfiguredCredentialRole, ConfiguredRole } from '../../model.ts'
import { quote } from '../../problems.ts'
import { readDuration, readFlag } from '../../scalars.ts'
import { checkReference, checkReferences } from '../people.ts'
import { resolveDocument } from './documents.ts'
import type { PolicyFiles } from './documents.ts'

/** Roles, and the credentials that are for some of them only. */
export function resolveRoles(
  draft: Draft,
  files: PolicyFiles,
): Pick<Configuration, 'roles' | 'credentialRoles'> {
  const roles = Object.keys(draft.shape.roles).flatMap((name) => resolveRole(draft, name, files))
  return { roles, credentialRoles: resolveCredentialRoles(draft) }
}

function resolveRole(draft: Draft, name: string, files: PolicyFiles): ConfiguredRole[] {
  const shape = draft.shape.roles[name]
  if (shape === undefined) return []
  const at = ['roles', name]
  const { policies, boundary } = shape
  checkReferences(draft, [...at, 'policies'], policies, 'policies')
  if (boundary !== undefined) checkReference(draft, [...at, 'boundary'], boundary, 'policies')
  const trust = resolveDocument(draft, [...at, 'trust'], { kind: 'trust' }, files)
  if (trust === undefined) return []
  return [
    {
      name,
      description: shape.description ?? '',
      trust,
      policies,
      boundary,
      automatic: readFlag(shape.automatic),
      maxSession: readDuration(shape.maxSession),
      tags: { ...shape.tags },
    },
  ]
}

function resolveCredentialRoles(draft: Draft): ConfiguredCredentialRole[] {
  const seen = new Set<string>()
  return draft.shape.credentialRoles.map((shape, index) => {
    const at = ['credentialRoles', index]
    const { credential, roles, until } = shape
    checkReferences(draft, [...at, 'roles'], roles, 'roles')
    if (seen.has(credential)) {
      draft.report([...at, 'credential'], {
        code: 'config.credential-duplicate',
        message: `found ${quote(credential)} a second time, expected each credential once`,
        hint: 'Merge the two entries.',
      })
    }
    seen.add(credential)
    return { credential, roles, until: until === undefined ? undefined : Date.parse(until) }
  })
}

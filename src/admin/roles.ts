import { printDuration } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import type { Role } from '../roles/index.ts'
import { adminErrors } from './errors.ts'
import type { AdminParts, OperationTable } from './operation.ts'

/** Roles are configured; here they are only shown. */
export const roleOperations: OperationTable = {
  'GET /v1/roles': (parts) =>
    Promise.resolve({ roles: [...rolesOf(parts).values()].map((role) => summary(role)) }),
  'GET /v1/roles/{name}': (parts, { parameters }) => {
    const name = parameters['name'] ?? ''
    const role = rolesOf(parts).get(name)
    return Promise.resolve(role === undefined ? unknownRole(name, parts) : details(role, parts))
  },
}

/** Refuses a role that is not there, with those that are. */
export function unknownRole(name: string, parts: Pick<AdminParts, 'table'>): Refusal {
  const known = [...rolesOf(parts).keys()].join(', ')
  const expected = known === '' ? 'there are no roles' : `expected ${known}`
  return adminErrors.refuse('unknown_role', `found ${name}, ${expected}`)
}

export function rolesOf(parts: Pick<AdminParts, 'table'>): ReadonlyMap<string, Role> {
  return parts.table().principals.mandates.roles
}

function summary({ name, description, automatic, identity, boundary, maximumSession }: Role) {
  return {
    name,
    description,
    automatic,
    policies: namesOf(identity),
    boundary: boundary === undefined ? null : (namesOf(boundary)[0] ?? null),
    maxSession: printDuration(maximumSession),
  }
}

function details(role: Role, parts: Pick<AdminParts, 'table'>) {
  const { restrictions } = parts.table().principals.mandates
  return {
    ...summary(role),
    arn: role.arn,
    tags: Object.fromEntries(role.tags),
    trust: role.trust.statements.map(({ label, effect, place, principal, action, conditions }) => ({
      statement: label,
      effect,
      place: place ?? null,
      principal: principal?.values ?? [],
      [action.element]: action.patterns.map(({ source }) => source),
      conditions: conditions.map(({ element, values }) => {
        const [, operator = '', ...key] = element.split('/')
        return { operator, key: key.join('/'), values }
      }),
    })),
    credentials: [...restrictions]
      .filter(([, { roles }]) => roles.has(role.name))
      .map(([credential, { until }]) => ({
        credential,
        until: until === undefined ? null : new Date(until).toISOString(),
      })),
  }
}

function namesOf({ statements }: Role['identity']): readonly string[] {
  return [...new Set(statements.map(({ policy }) => policy))]
}

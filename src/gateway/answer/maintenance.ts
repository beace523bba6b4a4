import { Refusal } from '../../core/index.ts'
import { gatewayErrors } from '../errors.ts'
import type { Principal } from '../caller/principal.ts'

/** Work on a service, during which only some may reach it. */
export interface Maintenance {
  /** What callers are told. */
  readonly message: string
  readonly retryAfterSeconds: number | undefined
  /** Members of one of these groups go on to the service. */
  readonly allowGroups: ReadonlySet<string>
}

/** `undefined` for those who are let through. */
export function refuseMaintenance(
  maintenance: Maintenance,
  principal: Pick<Principal, 'groups'>,
): Refusal | undefined {
  const { message, retryAfterSeconds, allowGroups } = maintenance
  if (principal.groups.some((group) => allowGroups.has(group))) return undefined
  const retryAfter =
    retryAfterSeconds === undefined ? undefined : { 'retry-after': String(retryAfterSeconds) }
  const spec = { ...gatewayErrors.specs.maintenance, title: message }
  return new Refusal('gateway.maintenance', spec, undefined, retryAfter)
}

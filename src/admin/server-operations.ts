import { isRefusal } from '../core/index.ts'
import { adminErrors } from './errors.ts'
import { optionalText, recordAdministration } from './operation.ts'
import type { OperationTable } from './operation.ts'
import type { Signals } from '../signals/index.ts'
import type { GatewayTable } from '../gateway/index.ts'

/** The server itself: state, reload, backup. */
export const serverOperations: OperationTable = {
  'GET /v1/status': async (parts) => ({
    version: parts.version,
    configuration: parts.configurationVersion(),
    audit: { size: parts.audit.size, healthy: parts.audit.healthy },
    people: (await parts.people.list()).length,
    credentials: await parts.credentials.count(),
    ...(parts.reload === undefined ? {} : targetConditions(parts.table())),
    ...(await signalConditions(parts.signals())),
  }),
  'POST /v1/reload': async (parts) => {
    if (parts.reload === undefined) return adminErrors.refuse('server_needed')
    const version = await parts.reload()
    if (version === undefined) return adminErrors.refuse('configuration_refused')
    return { configuration: version }
  },
  'POST /v1/backup': async (parts, { body }) => {
    const directory = optionalText(body, 'directory')
    if (isRefusal(directory)) return directory
    if (directory === undefined || !directory.startsWith('/')) {
      return adminErrors.refuse('input_malformed', 'directory: an absolute path')
    }
    return parts.backup(directory, () => recordAdministration(parts, 'backup', { directory }))
  },
}

/** How it goes with each who is told of events, as `webhook NAME` and `receiver NAME`. */
async function signalConditions(
  signals: Pick<Signals, 'list'>,
): Promise<{ signals?: Record<string, string> }> {
  const reports = await signals.list()
  if (reports.length === 0) return {}
  const conditions = reports.map(({ kind, name, state, problem }): [string, string] => [
    `${kind} ${name}`,
    problem === null ? state : `${state}: ${problem}`,
  ])
  return { signals: Object.fromEntries(conditions) }
}

/** The condition of each target that is one of several or watched, as `upstream target`. */
function targetConditions(table: GatewayTable): { targets?: Record<string, string> } {
  const pools = new Set([...table.apis.values()].map((api) => api.upstream))
  const targets = [...pools].flatMap(({ name, targets = [] }) =>
    targets.map(({ target, condition }): [string, string] => [`${name} ${target}`, condition]),
  )
  return targets.length === 0 ? {} : { targets: Object.fromEntries(targets) }
}

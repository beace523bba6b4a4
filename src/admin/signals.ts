import { isRefusal } from '../core/index.ts'
import type { LaneKind } from '../signals/index.ts'
import { signalErrors } from '../signals/index.ts'
import { recordAdministration } from './operation.ts'
import type { OperationTable } from './operation.ts'

/** Those who are told of events: `kind` is `webhook` or `receiver`. */
export const signalOperations: OperationTable = {
  'GET /v1/signals': async (parts) => ({ signals: await parts.signals().list() }),
  'POST /v1/signals/{kind}/{name}/test': async (parts, { parameters }) => {
    const { kind, name } = named(parameters)
    if (kind === undefined) return signalErrors.refuse('unknown_receiver')
    const report = await parts.signals().test(kind, name)
    if (isRefusal(report)) return report
    await recordAdministration(parts, 'signals.test', { to: `${kind}/${name}`, ...told(report) })
    return report
  },
  'POST /v1/signals/{kind}/{name}/retry': async (parts, { parameters, body }) => {
    const { kind, name } = named(parameters)
    if (kind === undefined) return signalErrors.refuse('unknown_receiver')
    const skip = body['skip'] === true
    const report = await parts.signals().retry(kind, name, skip)
    if (isRefusal(report)) return report
    await recordAdministration(parts, 'signals.retry', { to: `${kind}/${name}`, skip })
    return report
  },
}

function named(parameters: Readonly<Record<string, string>>): {
  readonly kind: LaneKind | undefined
  readonly name: string
} {
  const { kind, name = '' } = parameters
  return { kind: kind === 'webhook' || kind === 'receiver' ? kind : undefined, name }
}

function told({ delivered, problem }: { delivered: boolean; problem: string | null }): {
  delivered: boolean
  problem?: string
} {
  return problem === null ? { delivered } : { delivered, problem }
}

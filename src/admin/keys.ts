import type { KeyRecord } from '../token/index.ts'
import { adminErrors } from './errors.ts'
import { keyAlgorithms, recordAdministration } from './operation.ts'
import type { OperationTable } from './operation.ts'

/** The issuer's signing keys. Nothing secret is ever shown. */
export const keyOperations: OperationTable = {
  'GET /v1/keys': async (parts) => ({ keys: parts.keys.list().map(view) }),
  'POST /v1/keys/rotate': async (parts, { body }) => {
    const wanted = body['algorithm']
    const algorithms = keyAlgorithms.filter((one) => wanted === undefined || wanted === one)
    if (algorithms.length === 0) {
      return adminErrors.refuse('input_malformed', `algorithm: ${keyAlgorithms.join(' or ')}`)
    }
    const rotated = []
    for (const algorithm of algorithms) rotated.push((await parts.keys.rotate(algorithm)).keyId)
    parts.onKeysChanged()
    await recordAdministration(parts, 'keys.rotate', { keys: rotated })
    return { active: rotated, keys: parts.keys.list().map(view) }
  },
}

function view(key: KeyRecord): Record<string, unknown> {
  return {
    id: key.keyId,
    algorithm: key.algorithm,
    state: key.state,
    createdAt: new Date(key.createdAt).toISOString(),
    retireAt: key.retireAt === undefined ? null : new Date(key.retireAt).toISOString(),
  }
}

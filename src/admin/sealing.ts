import { identityErrors } from '../identity/index.ts'
import type { CredentialId } from '../identity/index.ts'
import { recordAdministration } from './operation.ts'
import type { AdminParts, OperationInput, OperationTable } from './operation.ts'

/** Passkeys for emergencies. */
export const sealingOperations: OperationTable = {
  'POST /v1/credentials/{id}/seal': (parts, input) => change(parts, input, true),
  'POST /v1/credentials/{id}/unseal': (parts, input) => change(parts, input, false),
}

async function change(
  parts: AdminParts,
  { parameters }: OperationInput,
  sealed: boolean,
): Promise<unknown> {
  const id = (parameters['id'] ?? '') as CredentialId
  const now = parts.clock.now()
  const outcome = await parts.credentials.seal(id, { sealedAt: sealed ? now : undefined, now })
  if (outcome === 'unknown') return identityErrors.refuse('unknown_credential')
  if (outcome === 'unchanged') {
    return identityErrors.refuse(sealed ? 'credential_sealed_already' : 'credential_not_sealed')
  }
  parts.revocations.refresh()
  await recordAdministration(parts, sealed ? 'credential.seal' : 'credential.unseal', {
    credential: id,
  })
  return sealed ? { sealed: id } : { unsealed: id }
}

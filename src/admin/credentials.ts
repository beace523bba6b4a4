import { isRefusal } from '../core/index.ts'
import { identityErrors, parseReason, keyFacts } from '../identity/index.ts'
import type { Credential, CredentialId } from '../identity/index.ts'
import { authenticatorName } from '../webauthn/index.ts'
import { optionalText, recordAdministration, withFound } from './operation.ts'
import type { OperationTable } from './operation.ts'

/** Passkeys of people. */
export const credentialOperations: OperationTable = {
  'GET /v1/credentials': async (parts) => {
    const people = new Map((await parts.people.list()).map((one) => [one.id, one.username]))
    return {
      credentials: (await parts.credentials.list()).map((credential) =>
        view(credential, people.get(credential.personId) ?? ''),
      ),
    }
  },
  'GET /v1/people/{username}/credentials': (parts, { parameters }) =>
    withFound(parts.directory.require(parameters['username'] ?? ''), async (person) => ({
      credentials: (await parts.credentials.listFor(person.id)).map((credential) =>
        view(credential, person.username),
      ),
    })),
  'POST /v1/credentials/{id}/remove': async (parts, { parameters, body }) => {
    const id = (parameters['id'] ?? '') as CredentialId
    const credential = await parts.credentials.load(id)
    if (credential === undefined) return identityErrors.refuse('unknown_credential')
    const outcome = await parts.credentials.remove(id, credential.personId, {
      allowLast: body['last'] === true,
      now: parts.clock.now(),
    })
    if (outcome === 'last') return identityErrors.refuse('last_credential')
    if (outcome === 'unknown') return identityErrors.refuse('unknown_credential')
    parts.revocations.refresh()
    await recordAdministration(parts, 'credential.remove', keyFacts(credential))
    return { removed: id }
  },
  'POST /v1/credentials/{id}/suspend': async (parts, { parameters, body }) => {
    const text = optionalText(body, 'reason')
    const reason = isRefusal(text) ? text : parseReason(text ?? '')
    if (isRefusal(reason)) return reason
    const id = (parameters['id'] ?? '') as CredentialId
    const credential = await parts.credentials.load(id)
    if (credential === undefined) return identityErrors.refuse('unknown_credential')
    const outcome = await parts.credentials.suspend(id, {
      reason,
      allowLast: body['last'] === true,
      now: parts.clock.now(),
    })
    if (outcome === 'last') return identityErrors.refuse('last_credential')
    if (outcome === 'unknown') return identityErrors.refuse('unknown_credential')
    if (outcome === 'suspended_already')
      return identityErrors.refuse('credential_suspended_already')
    parts.revocations.refresh()
    await recordAdministration(parts, 'credential.suspend', { ...keyFacts(credential), reason })
    return { suspended: id }
  },
  'POST /v1/credentials/{id}/restore': async (parts, { parameters }) => {
    const id = (parameters['id'] ?? '') as CredentialId
    const credential = await parts.credentials.load(id)
    if (credential === undefined) return identityErrors.refuse('unknown_credential')
    const outcome = await parts.credentials.restore(id, parts.clock.now())
    if (outcome === 'unknown') return identityErrors.refuse('unknown_credential')
    if (outcome === 'active') return identityErrors.refuse('credential_active')
    parts.revocations.refresh()
    await recordAdministration(parts, 'credential.restore', keyFacts(credential))
    return { restored: id }
  },
}

function view(credential: Credential, username: string): Record<string, unknown> {
  return {
    id: credential.id,
    username,
    name: credential.name,
    model: authenticatorName(credential.aaguid) ?? null,
    aaguid: credential.aaguid,
    synced: credential.backupEligible,
    state: credential.suspension === undefined ? 'active' : 'suspended',
    ...suspensionOf(credential),
    finding: credential.finding?.what ?? null,
    sealed: credential.sealedAt !== undefined,
    attestation: credential.attestationFormat,
    attestationTrusted: credential.attestationTrusted,
    serial: credential.serial === undefined ? null : `0x${credential.serial}`,
    createdAt: new Date(credential.createdAt).toISOString(),
    lastUsedAt:
      credential.lastUsedAt === undefined ? null : new Date(credential.lastUsedAt).toISOString(),
  }
}

function suspensionOf({ suspension }: Credential): Record<string, unknown> {
  if (suspension === undefined) return {}
  const { since, reason } = suspension
  return { suspendedAt: new Date(since).toISOString(), suspendedFor: reason }
}

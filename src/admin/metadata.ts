import { isRefusal, randomId } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import { adminErrors } from './errors.ts'
import { optionalText, recordAdministration } from './operation.ts'
import type { AdminParts, OperationTable } from './operation.ts'
import type { Imported, ImportedRevocationLists } from '../metadata/index.ts'

const noStatement = { chain: [], namesModel: false, weakness: undefined } as const

/** FIDO metadata. */
export const metadataOperations: OperationTable = {
  'GET /v1/metadata': async ({ metadata, revocationLists, metadataUrl }) => {
    const url = metadataUrl()
    const { facts } = revocationLists
    return {
      ...metadata.status(),
      ...(facts.length === 0 ? {} : { revocationLists: facts }),
      ...(url === undefined ? {} : { url }),
    }
  },
  'GET /v1/credentials/judging': async ({ fleet }) => fleet.state,
  'POST /v1/credentials/judge': async ({ fleet }) => {
    fleet.judge()
    return fleet.state
  },
  'GET /v1/metadata/report': async (parts) => {
    const people = new Map((await parts.people.list()).map((one) => [one.id, one.username]))
    const credentials = (await parts.credentials.list()).flatMap((credential) => {
      const { id, personId, aaguid, attestationTrusted } = credential
      const model = parts.metadata.modelOf(aaguid, noStatement)
      if (model === undefined || model.verdict === 'allow') return []
      const { verdict, reasons, description } = model
      const username = people.get(personId) ?? ''
      const named = { model: description ?? null, aaguid, proved: attestationTrusted }
      return [{ id, username, ...named, verdict, reasons }]
    })
    return { state: parts.metadata.status().state, credentials }
  },
  'POST /v1/metadata/import': async (parts, { body }) => {
    const file = optionalText(body, 'file')
    if (isRefusal(file)) return file
    if (file === undefined || !file.startsWith('/')) {
      return adminErrors.refuse('input_malformed', 'file: an absolute path')
    }
    const imported = parts.revocationLists.isOne(file)
      ? await importRevocations(parts, file)
      : await importList(parts, file)
    if (isRefusal(imported)) await recordRefused(parts, imported)
    else parts.fleet.judge()
    return imported
  },
}

async function importList(parts: AdminParts, file: string): Promise<Imported | Refusal> {
  const imported = parts.metadata.importFile(file)
  if (isRefusal(imported)) return imported
  const { no, nextUpdate, models } = imported
  await recordAdministration(parts, 'metadata.import', { no, nextUpdate, models })
  return imported
}

async function importRevocations(
  parts: AdminParts,
  file: string,
): Promise<ImportedRevocationLists | Refusal> {
  const imported = parts.revocationLists.importFile(file, parts.issuers())
  if (isRefusal(imported)) return imported
  const issuers = imported.revocationLists.map(({ issuer }) => issuer)
  await recordAdministration(parts, 'metadata.revocations', { issuers })
  return imported
}

async function recordRefused(parts: AdminParts, refused: Refusal): Promise<void> {
  await parts.audit.append({
    id: randomId(),
    kind: 'administration',
    action: 'metadata.import',
    outcome: 'failure',
    reason: refused.code,
    ...(refused.detail === undefined ? {} : { detail: refused.detail }),
    who: { username: 'operator' },
  })
}

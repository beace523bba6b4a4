import { isJsonObject, ownProperty } from '../core/index.ts'
import type { Json, JsonObject } from '../core/index.ts'
import { certificateAnchor } from '../webauthn/index.ts'
import type { TrustAnchor } from '../webauthn/index.ts'
import type { Model } from './model.ts'
import type { StatusReport } from './status.ts'

/** The real list has some hundreds of entries, with a few reports and certificates each. */
const most = { entries: 20_000, reports: 500, certificates: 500, keyIdentifiers: 2000 } as const
const longestCertificate = 16_384
const noModel = '00000000-0000-0000-0000-000000000000'

/** A member that is used here and is of another type than it has to be. */
class Unreadable extends Error {}

/**
 * The entries of a list that are about FIDO2 and U2F authenticators, or what is wrong. Members that are not
 * used are not looked at; of those that are used, one of a wrong type refuses the whole list, because the
 * missing entry might have been a warning.
 */
export function parseEntries(value: Json | undefined): readonly Model[] | string {
  if (!Array.isArray(value) || value.length === 0) return 'entries: not a list with some'
  if (value.length > most.entries) return `entries: more than ${most.entries}`
  try {
    const entries: readonly Json[] = value
    const models = entries.flatMap((entry, index) => parseEntry(entry, `entries[${index}]`) ?? [])
    return repeated(models) ?? models
  } catch (error) {
    if (error instanceof Unreadable) return error.message
    throw error
  }
}

/** Invariant: a model stands in a list once. Of two entries, one reader might see the harmless one. */
function repeated(models: readonly Model[]): string | undefined {
  const seen = new Set<string>()
  for (const { aaguid, keyIdentifiers } of models) {
    for (const key of [...(aaguid === undefined ? [] : [aaguid]), ...keyIdentifiers]) {
      if (seen.has(key)) return `${key} has two entries`
      seen.add(key)
    }
  }
  return undefined
}

/** Nothing for authenticators of UAF, which are told by an `aaid`. */
function parseEntry(value: Json, place: string): Model | undefined {
  const entry = objectOf(value, place)
  const aaguid = optional(entry, 'aaguid', (found) => aaguidOf(found, `${place}.aaguid`))
  const keys = optional(entry, 'attestationCertificateKeyIdentifiers', (found) =>
    listOf(found, `${place}.attestationCertificateKeyIdentifiers`, most.keyIdentifiers),
  )
  const keyIdentifiers = (keys ?? []).map((key) =>
    textOf(key, `${place}.attestationCertificateKeyIdentifiers`, /^[0-9a-f]{40}$/),
  )
  if (aaguid === undefined && keyIdentifiers.length === 0) return undefined
  const statement = optional(entry, 'metadataStatement', (found) =>
    objectOf(found, `${place}.metadataStatement`),
  )
  const reports = listOf(
    ownProperty(entry, 'statusReports') as Json | undefined,
    `${place}.statusReports`,
    most.reports,
  )
  return {
    aaguid,
    keyIdentifiers,
    ...(statement === undefined ? noStatement : parseStatement(statement, place, aaguid)),
    reports: reports.map((report) => parseReport(report, `${place}.statusReports`)),
  }
}

const noStatement = { description: undefined, anchors: [], unreadable: 0 } as const

function parseStatement(
  statement: JsonObject,
  place: string,
  aaguid: string | undefined,
): Pick<Model, 'description' | 'anchors' | 'unreadable'> {
  const description = optional(statement, 'description', (found) =>
    textOf(found, `${place}.metadataStatement.description`, /^[^]{0,4096}$/),
  )
  const inside = `${place}.metadataStatement.attestationRootCertificates`
  const roots =
    optional(statement, 'attestationRootCertificates', (found) =>
      listOf(found, inside, most.certificates),
    ) ?? []
  const name = `metadata of ${description ?? aaguid ?? 'a U2F model'}`.slice(0, 200)
  const anchors = roots.flatMap((root) => anchorOf(textOf(root, inside), { name, aaguid }) ?? [])
  return { description, anchors, unreadable: roots.length - anchors.length }
}

/** `undefined` for a certificate that the strict parser of attestation could never match. */
function anchorOf(
  text: string,
  { name, aaguid }: { name: string; aaguid: string | undefined },
): TrustAnchor | undefined {
  const base64 = text.replaceAll(/\s/g, '')
  if (base64.length > longestCertificate || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return undefined
  const der = new Uint8Array(Buffer.from(base64, 'base64'))
  return certificateAnchor(name, der, aaguid === undefined ? undefined : [aaguid])
}

function parseReport(value: Json, place: string): StatusReport {
  const report = objectOf(value, place)
  const day = (name: string): string | undefined =>
    optional(report, name, (found) => dayOf(found, `${place}.${name}`))
  return {
    status: textOf(ownProperty(report, 'status') as Json | undefined, `${place}.status`),
    effectiveDate: day('effectiveDate'),
    sunsetDate: day('sunsetDate'),
  }
}

function aaguidOf(value: Json, place: string): string {
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
  const aaguid = textOf(value, place, uuid).toLowerCase()
  if (aaguid === noModel) throw new Unreadable(`${place}: is of no model`)
  return aaguid
}

function dayOf(value: Json, place: string): string {
  const day = textOf(value, place, /^\d{4}-\d{2}-\d{2}$/)
  if (!isDay(day)) throw new Unreadable(`${place}: no such day`)
  return day
}

/** `YYYY-MM-DD`, of a day that exists. */
export function isDay(value: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(value)) return false
  const read = Date.parse(value)
  return !Number.isNaN(read) && new Date(read).toISOString().startsWith(value)
}

function optional<Found>(
  object: JsonObject,
  name: string,
  parse: (found: Json) => Found,
): Found | undefined {
  const found = ownProperty(object, name) as Json | undefined
  return found === undefined ? undefined : parse(found)
}

function objectOf(value: Json, place: string): JsonObject {
  if (!isJsonObject(value)) throw new Unreadable(`${place}: not an object`)
  return value
}

function listOf(value: Json | undefined, place: string, longest: number): readonly Json[] {
  if (Array.isArray(value) && value.length <= longest) return value as readonly Json[]
  throw new Unreadable(`${place}: not a list of at most ${longest}`)
}

function textOf(value: Json | undefined, place: string, form = /^[^]+$/): string {
  if (typeof value === 'string' && form.test(value)) return value
  throw new Unreadable(`${place}: not a text of its form`)
}

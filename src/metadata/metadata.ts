import { createHash } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { isRefusal } from '../core/index.ts'
import type { Clock, Refusal } from '../core/index.ts'
import { verifyStoredAttestation } from '../webauthn/index.ts'
import type { ChainedStatement, StoredAttestation, TrustAnchor } from '../webauthn/index.ts'
import { longestBlob, readBlob } from './blob.ts'
import type { Blob } from './blob.ts'
import { children, readElements } from './der.ts'
import { metadataErrors } from './errors.ts'
import { openEnvelope, sealEnvelope } from './envelope.ts'
import type { Envelope } from './envelope.ts'
import type { KnownModel, Model } from './model.ts'
import type { MetadataSettings } from './settings.ts'
import { standingOn } from './status.ts'

/** What an import did. */
export interface Imported {
  readonly no: number
  /** The number of the list it replaces. */
  readonly previous: number | undefined
  /** `YYYY-MM-DD` */
  readonly nextUpdate: string
  readonly models: number
  /** Whether another list is in force now; the same one may come again. */
  readonly changed: boolean
}

export interface MetadataStatus {
  /**
   * `due`: the next list is late, and this one still counts. `overdue`: it vouches for nothing any more, and
   * still blocks. `unusable`: nothing in it counts; `problem` says why.
   */
  readonly state: 'not_configured' | 'none' | 'current' | 'due' | 'overdue' | 'unusable'
  readonly problem?: string
  readonly no?: number
  readonly nextUpdate?: string
  readonly importedAt?: string
  readonly models?: number
  readonly blocked?: number
  readonly warned?: number
  /** Certificates of makers that attestation cannot use. */
  readonly unreadableCertificates?: number
}

interface Loaded {
  readonly stamp: string | undefined
  readonly settings: MetadataSettings
  readonly envelope: Envelope | undefined
  /** A refusal: there is a file, and nothing in it counts. */
  readonly blob: Blob | Refusal | undefined
  readonly byAaguid: ReadonlyMap<string, Model>
  readonly byKey: ReadonlyMap<string, Model>
}

/** The list in force, in one file that several threads read and one of them replaces. */
export class Metadata {
  readonly #path: string
  readonly #write: (path: string, text: string) => void
  readonly #clock: Clock
  readonly #settings: () => MetadataSettings | undefined
  readonly #floor: MetadataFloor
  #loaded: Loaded | undefined

  /** @param options.write - replaces a file whole or not at all, and durably. */
  constructor(options: {
    readonly path: string
    readonly write: (path: string, text: string) => void
    readonly clock: Clock
    readonly settings: () => MetadataSettings | undefined
    readonly floor: MetadataFloor
  }) {
    this.#path = options.path
    this.#write = options.write
    this.#clock = options.clock
    this.#settings = options.settings
    this.#floor = options.floor
  }

  /**
   * Judges a list in a file and puts it in force.
   *
   * Invariant: a list takes the place of one with a lower number only. The highest number is kept beside the
   * file, so that damage to it lets no older list in, and no other one of the same number.
   */
  importFile(file: string): Imported | Refusal {
    const settings = this.#settings()
    if (settings === undefined) return metadataErrors.refuse('not_configured')
    const text = readBounded(file)
    if (text === undefined) return metadataErrors.refuse('file_unreadable')
    const at = this.#clock.now()
    const blob = readBlob(text, { settings, at })
    if (isRefusal(blob)) return blob
    if (at > blob.nextUpdate + settings.refuseAfter) {
      return metadataErrors.refuse('overdue', `nextUpdate ${dayOf(blob.nextUpdate)}`)
    }
    const before = this.#load(settings).envelope
    const older = this.#judgeAge(blob, text.trim(), before)
    if (older !== undefined) return older
    this.#write(this.#path, sealEnvelope({ no: blob.no, importedAt: at, blob: text.trim() }))
    this.#floor.raise({ no: blob.no, digest: digestOf(text.trim()) })
    this.#loaded = undefined
    const changed = before?.blob !== text.trim()
    const { no, models } = blob
    const nextUpdate = dayOf(blob.nextUpdate)
    return { no, previous: before?.no, nextUpdate, models: models.length, changed }
  }

  #judgeAge({ no }: Blob, text: string, before: Envelope | undefined): Refusal | undefined {
    if (before !== undefined && before.blob !== text && no <= before.no) {
      return metadataErrors.refuse('older', `no ${no}, in force is ${before.no}`)
    }
    const floor = this.#floor.load()
    if (floor === undefined || no > floor.no) return undefined
    return no === floor.no && floor.digest === digestOf(text)
      ? undefined
      : metadataErrors.refuse('older', `no ${no}, in force was ${floor.no} already`)
  }

  status(): MetadataStatus {
    const settings = this.#settings()
    if (settings === undefined) return { state: 'not_configured' }
    const { blob, envelope } = this.#load(settings)
    if (blob === undefined) return { state: 'none' }
    if (isRefusal(blob)) {
      return { state: 'unusable', problem: [blob.title, blob.detail ?? []].flat().join(': ') }
    }
    const now = this.#clock.now()
    const verdicts = blob.models.map(({ reports }) => standingOn(reports, dayOf(now)).verdict)
    return {
      state: ageOf(blob, settings, now),
      no: blob.no,
      nextUpdate: dayOf(blob.nextUpdate),
      importedAt: new Date(envelope?.importedAt ?? 0).toISOString(),
      models: blob.models.length,
      blocked: verdicts.filter((one) => one === 'block').length,
      warned: verdicts.filter((one) => one === 'warn').length,
      unreadableCertificates: blob.models.reduce((sum, { unreadable }) => sum + unreadable, 0),
    }
  }

  /**
   * The model of a new key; `undefined` when no list describes it. A device that attests without signing an
   * AAGUID (fido-u2f) is told by the keys of its certificates.
   *
   * Invariant: an overdue list vouches for nobody, and what it blocks stays blocked.
   */
  modelOf(aaguid: string, statement: ChainedStatement): KnownModel | undefined {
    const settings = this.#settings()
    if (settings === undefined) return undefined
    const { blob, byAaguid, byKey } = this.#load(settings)
    if (blob === undefined || isRefusal(blob)) return undefined
    const byCertificate = statement.chain.length > 0 && !statement.namesModel
    const model = byCertificate
      ? statement.chain.map(({ publicKey }) => byKey.get(keyIdentifier(publicKey))).find(Boolean)
      : byAaguid.get(aaguid)
    if (model === undefined) return undefined
    const now = this.#clock.now()
    const isOverdue = ageOf(blob, settings, now) === 'overdue'
    const anchors = isOverdue ? [] : model.anchors
    const { description, reports } = model
    return {
      description,
      anchors: byCertificate ? anchors.map((one) => ({ ...one, aaguids: undefined })) : anchors,
      ...standingOn(reports, dayOf(now)),
      ...(isOverdue ? { certification: undefined } : {}),
    }
  }

  /** Everybody whose word counts for models, or for the list itself. */
  get anchors(): readonly TrustAnchor[] {
    const settings = this.#settings()
    if (settings === undefined) return []
    const { blob } = this.#load(settings)
    const models = blob === undefined || isRefusal(blob) ? [] : blob.models
    return [...settings.roots, ...models.flatMap(({ anchors }) => anchors)]
  }

  /** Whether a newer list was in force here, or where the database is shared: there still may be. */
  get isBehind(): boolean {
    const { no } = this.status()
    return no !== undefined && no < (this.#floor.load()?.no ?? 0)
  }

  /**
   * The level of the model of a stored credential.
   *
   * Invariant: the level is that of a model, so it counts only where attestation proves the model.
   */
  certificationOf(
    credential: StoredAttestation & { readonly attestationTrusted: boolean },
  ): string | undefined {
    if (!credential.attestationTrusted || this.#settings() === undefined) return undefined
    const verified = verifyStoredAttestation(credential)
    if (isRefusal(verified)) return undefined
    return this.modelOf(verified.aaguid, verified.statement)?.certification
  }

  /** Read again when the file or the configuration is another. */
  #load(settings: MetadataSettings): Loaded {
    const stamp = stampOf(this.#path)
    const known = this.#loaded
    if (known !== undefined && known.stamp === stamp && known.settings === settings) return known
    const { envelope, blob } = this.#read(settings, stamp)
    const models = blob === undefined || isRefusal(blob) ? [] : blob.models
    this.#loaded = {
      stamp,
      settings,
      envelope,
      blob,
      byAaguid: new Map(
        models.flatMap((one) => (one.aaguid === undefined ? [] : [[one.aaguid, one] as const])),
      ),
      byKey: new Map(models.flatMap((one) => one.keyIdentifiers.map((key) => [key, one] as const))),
    }
    return this.#loaded
  }

  /** Nothing, where there never was a list. */
  #missing(): Refusal | undefined {
    const isGone = this.#floor.load() !== undefined
    return isGone
      ? metadataErrors.refuse('malformed', `${this.#path} is gone; import it again`)
      : undefined
  }

  /** Certificates are judged at the moment of the import, revocations by the lists of now. */
  #read(settings: MetadataSettings, stamp: string | undefined): Pick<Loaded, 'envelope' | 'blob'> {
    if (stamp === undefined) return { envelope: undefined, blob: this.#missing() }
    const text = readBounded(this.#path, longestBlob + 4096)
    const envelope = text === undefined ? undefined : openEnvelope(text)
    if (envelope === undefined) {
      const blob = metadataErrors.refuse('malformed', `${this.#path} is damaged; import it again`)
      return { envelope, blob }
    }
    return { envelope, blob: readBlob(envelope.blob, { settings, at: envelope.importedAt }) }
  }
}

/** The highest number that was ever in force, kept where the list is not. */
export interface MetadataFloor {
  readonly load: () => MetadataMark | undefined
  readonly raise: (mark: MetadataMark) => void
}

export interface MetadataMark {
  readonly no: number
  /** SHA-256 of the list, hex. */
  readonly digest: string
}

function ageOf(
  { nextUpdate }: Blob,
  { warnAfter, refuseAfter }: MetadataSettings,
  now: number,
): 'current' | 'due' | 'overdue' {
  if (now > nextUpdate + refuseAfter) return 'overdue'
  return now > nextUpdate + warnAfter ? 'due' : 'current'
}

function readBounded(file: string, longest = longestBlob): string | undefined {
  try {
    const found = statSync(file)
    return found.isFile() && found.size <= longest ? readFileSync(file, 'utf8') : undefined
  } catch {
    return undefined
  }
}

/** Another one for every file that was put in place; `undefined` when there is none. */
function stampOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false, bigint: true })
  return found && `${found.ino} ${found.mtimeNs} ${found.size}`
}

/** RFC 5280 4.2.1.2 (1): SHA-1 of the bits of the key, without their wrapping. */
function keyIdentifier(key: KeyObject): string {
  const [information] = readElements(key.export({ format: 'der', type: 'spki' })) ?? []
  const bits = children(information, 0x30)?.[1]
  return createHash('sha1')
    .update(bits?.content.subarray(1) ?? '')
    .digest('hex')
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}

import { createHash, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { equalBytes } from '../core/index.ts'
import type { Clock, Instant, Refusal } from '../core/index.ts'
import { certificateAnchor, judgeTrust, maySignRevocations } from '../webauthn/index.ts'
import type { TrustAnchor, VerifiedStatement } from '../webauthn/index.ts'
import { metadataErrors } from './errors.ts'
import {
  longestRevocationFile,
  parseRevocationFile,
  parseRevocationList,
  serialText,
  verifyList,
} from './revocation-list.ts'
import type { RevocationFile, RevocationList } from './revocation-list.ts'

type Certificate = VerifiedStatement['chain'][number]

/** A list that was imported. */
export interface KeptRevocationList {
  /** SHA-256 of the SubjectPublicKeyInfo of who signed it, hex: one authority has one list. */
  readonly issuerKey: string
  readonly issuer: string
  readonly der: Uint8Array
}

/** Port. Synchronous-fast: asked at each registration. */
export interface RevocationListStore {
  /** Another one after each change. */
  version(): string
  all(): readonly KeptRevocationList[]
  /** In place of the one of the same authority, all of them or none. */
  keep(lists: readonly KeptRevocationList[]): void
}

export interface RevocationListFacts {
  readonly issuer: string
  /** ISO 8601. */
  readonly thisUpdate: string
  readonly nextUpdate: string
  readonly revoked: number
}

export interface ImportedRevocationLists {
  readonly revocationLists: readonly RevocationListFacts[]
  /** Whether any of them is another one than before. */
  readonly changed: boolean
}

/** Why a chain is not believed; `overdue`: nobody can tell, because the next list is not here. */
export interface ChainProblem {
  readonly kind: 'revoked' | 'overdue'
  readonly why: string
}

interface Known {
  readonly version: string
  readonly lists: readonly RevocationList[]
  readonly byKey: ReadonlyMap<string, { kept: KeptRevocationList; list: RevocationList }>
}

const noModel = '00000000-0000-0000-0000-000000000000'

/** Imported lists of revoked certificates: of those who sign metadata, and of those who make authenticators. */
export class RevocationLists {
  readonly #store: RevocationListStore
  readonly #clock: Clock
  #known: Known | undefined

  constructor(store: RevocationListStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  get lists(): readonly RevocationList[] {
    return this.#load().lists
  }

  get facts(): readonly RevocationListFacts[] {
    return [...this.#load().byKey.values()].map(({ kept, list }) => factsOf(kept.issuer, list))
  }

  /** Whether a file looks like lists of revocations rather than metadata. */
  isOne(file: string): boolean {
    return parseRevocationFile(readBounded(file) ?? new Uint8Array()) !== undefined
  }

  /**
   * Verifies every list in a file and keeps them all. Certificates in the same file lead from who signed a list
   * to an anchor.
   *
   * Invariant: a list takes the place of an older one of the same authority only, and no list is kept that an
   * anchor does not stand behind.
   */
  importFile(file: string, anchors: readonly TrustAnchor[]): ImportedRevocationLists | Refusal {
    const bytes = readBounded(file)
    if (bytes === undefined) return metadataErrors.refuse('file_unreadable')
    const found = parseRevocationFile(bytes)
    if (found === undefined) return metadataErrors.refuse('revocation_list_malformed')
    const fresh: KeptRevocationList[] = []
    const facts: RevocationListFacts[] = []
    for (const list of found.lists) {
      const issuer = this.#issuerOf(list, found, anchors)
      if (issuer === undefined) return metadataErrors.refuse('revocation_list_untrusted')
      const kept = { issuerKey: keyOf(issuer.publicKey), issuer: nameOf(issuer), der: list.der }
      const before = this.#load().byKey.get(kept.issuerKey)?.list
      const refused = judgeTimes(list, before, this.#clock.now())
      if (refused !== undefined) return refused
      if (before === undefined || !equalBytes(before.der, list.der)) fresh.push(kept)
      facts.push(factsOf(kept.issuer, list))
    }
    if (fresh.length > 0) this.#store.keep(fresh)
    return { revocationLists: facts, changed: fresh.length > 0 }
  }

  /**
   * Whether an authority took back one of the certificates of a path, leaf first, up to an anchor.
   *
   * Invariant: the lists of now count, whenever the certificate was used; one that is overdue clears nobody.
   */
  problemOf(path: readonly Certificate[]): ChainProblem | undefined {
    const { byKey } = this.#load()
    if (byKey.size === 0) return undefined
    let overdue: ChainProblem | undefined
    for (const [depth, issuer] of path.entries()) {
      const subject = path[depth - 1]
      const found = subject === undefined ? undefined : byKey.get(keyOf(issuer.publicKey))
      if (subject === undefined || found === undefined) continue
      const { list, kept } = found
      if (!equalBytes(list.issuer, subject.issuerName)) continue
      const { serialNumber } = new X509Certificate(subject.der)
      if (list.revoked.has(serialText(serialNumber))) {
        return { kind: 'revoked', why: `${kept.issuer} took back the certificate ${serialNumber}` }
      }
      if (this.#clock.now() > list.nextUpdate) {
        overdue = { kind: 'overdue', why: `the revocation list of ${kept.issuer} is overdue` }
      }
    }
    return overdue
  }

  #issuerOf(
    list: RevocationList,
    { certificates }: RevocationFile,
    anchors: readonly TrustAnchor[],
  ): Certificate | undefined {
    const roots = anchors.flatMap(({ material }) =>
      material.kind === 'certificate' ? [material.certificate] : [],
    )
    const chain = certificates.flatMap((der) => certificateOf(der) ?? [])
    const signed = (one: Certificate): boolean =>
      equalBytes(one.subjectName, list.issuer) &&
      maySignRevocations(one) &&
      verifyList(list, one.publicKey)
    return (
      roots.find(signed) ?? chain.find((one) => signed(one) && this.#leadsUp(one, chain, roots))
    )
  }

  #leadsUp(
    issuer: Certificate,
    others: readonly Certificate[],
    roots: readonly Certificate[],
  ): boolean {
    const chain = [issuer]
    for (let last = issuer; chain.length <= others.length;) {
      const next = others.find((one) => equalBytes(one.subjectName, last.issuerName))
      if (next === undefined || chain.includes(next)) break
      chain.push(next)
      last = next
    }
    const anchors = roots.map((certificate): TrustAnchor => ({
      name: 'root',
      material: { kind: 'certificate', certificate },
      aaguids: undefined,
    }))
    const statement = { chain, namesModel: false, weakness: undefined }
    return judgeTrust({ statement, aaguid: noModel, anchors, at: this.#clock.now() }).trusted
  }

  #load(): Known {
    const version = this.#store.version()
    if (this.#known?.version === version) return this.#known
    const read = this.#store.all().flatMap((kept) => {
      const list = parseRevocationList(kept.der)
      return list === undefined ? [] : [{ kept, list }]
    })
    this.#known = {
      version,
      lists: read.map(({ list }) => list),
      byKey: new Map(read.map((one) => [one.kept.issuerKey, one])),
    }
    return this.#known
  }
}

function judgeTimes(
  list: RevocationList,
  before: RevocationList | undefined,
  now: Instant,
): Refusal | undefined {
  if (now < list.thisUpdate)
    return metadataErrors.refuse('revocation_list_malformed', 'of the future')
  if (now > list.nextUpdate) return metadataErrors.refuse('revocation_list_overdue')
  if (before === undefined || equalBytes(before.der, list.der)) return undefined
  return list.thisUpdate > before.thisUpdate
    ? undefined
    : metadataErrors.refuse('revocation_list_older')
}

function factsOf(issuer: string, list: RevocationList): RevocationListFacts {
  return {
    issuer,
    thisUpdate: new Date(list.thisUpdate).toISOString(),
    nextUpdate: new Date(list.nextUpdate).toISOString(),
    revoked: list.revoked.size,
  }
}

function certificateOf(der: Uint8Array): Certificate | undefined {
  const material = certificateAnchor('issuer', der)?.material
  return material?.kind === 'certificate' ? material.certificate : undefined
}

function keyOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest('hex')
}

function nameOf(certificate: Certificate): string {
  return new X509Certificate(certificate.der).subject.replaceAll('\n', ', ').slice(0, 200)
}

function readBounded(file: string): Uint8Array | undefined {
  try {
    const found = statSync(file)
    const isFit = found.isFile() && found.size <= longestRevocationFile
    return isFit ? new Uint8Array(readFileSync(file)) : undefined
  } catch {
    return undefined
  }
}

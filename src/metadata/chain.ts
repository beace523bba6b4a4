import { X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { equalBytes, isRefusal } from '../core/index.ts'
import type { Instant, Refusal } from '../core/index.ts'
import { certificateAnchor, judgeTrust } from '../webauthn/index.ts'
import type { TrustAnchor, ChainedStatement } from '../webauthn/index.ts'
import { metadataErrors } from './errors.ts'
import { serialText, verifyList } from './revocation-list.ts'
import type { RevocationList } from './revocation-list.ts'
import type { Judging } from './settings.ts'

type Certificate = ChainedStatement['chain'][number]

const noModel = '00000000-0000-0000-0000-000000000000'
const mostCertificates = 8

/**
 * The key of the signer, when `x5c` (leaf first) leads to a root at this moment, is for the configured name,
 * and no list of revocations speaks against one of its certificates (FIDO MDS 3.1 section 3.2).
 */
export function signerKey(ders: readonly Uint8Array[], judging: Judging): KeyObject | Refusal {
  const chain = ders.slice(0, mostCertificates + 1).flatMap((der) => certificateOf(der) ?? [])
  const [leaf] = chain
  if (leaf === undefined || chain.length !== ders.length || chain.length > mostCertificates) {
    return metadataErrors.refuse('malformed', 'x5c is no list of certificates')
  }
  const root = findRoot(chain, judging)
  if (isRefusal(root)) return root
  const { signer } = judging.settings
  const named = new X509Certificate(leaf.der).checkHost(signer, { wildcards: false })
  if (named === undefined) {
    return metadataErrors.refuse('untrusted', `the certificate is not for ${signer}`)
  }
  return checkRevocations([...chain, root], judging) ?? leaf.publicKey
}

function certificateOf(der: Uint8Array): Certificate | undefined {
  const material = certificateAnchor('x5c', der)?.material
  return material?.kind === 'certificate' ? material.certificate : undefined
}

/** Invariant: no root, no trust; and a root that has expired is none. */
function findRoot(chain: readonly Certificate[], { settings, at }: Judging): Certificate | Refusal {
  const valid = settings.roots.flatMap(({ material }) =>
    material.kind === 'certificate' && isValid(material.certificate, at)
      ? [material.certificate]
      : [],
  )
  const anchors = valid.map((certificate, index): TrustAnchor => ({
    name: String(index),
    material: { kind: 'certificate', certificate },
    aaguids: undefined,
  }))
  const statement = { chain, namesModel: false, weakness: undefined }
  const trust = judgeTrust({ statement, aaguid: noModel, anchors, at })
  const root = trust.trusted ? valid[Number(trust.anchor)] : undefined
  if (root !== undefined) return root
  const why = anchors.length === 0 ? 'no root is valid now' : undefined
  return metadataErrors.refuse('untrusted', why ?? (trust.trusted ? undefined : trust.why))
}

function isValid({ notBefore, notAfter }: Certificate, at: Instant): boolean {
  return at >= notBefore && at <= notAfter
}

/**
 * Each certificate against the lists of its issuer, up to a root.
 *
 * Invariant: a list of an issuer that is overdue or does not verify clears nobody. An issuer of whom no
 * list is configured is not asked about: nothing is fetched.
 */
function checkRevocations(
  chain: readonly Certificate[],
  { settings, at }: Judging,
): Refusal | undefined {
  for (const [depth, subject] of chain.entries()) {
    const { serialNumber } = new X509Certificate(subject.der)
    const issuers = chain
      .slice(depth)
      .filter((one) => equalBytes(one.subjectName, subject.issuerName))
    const lists = settings.revocationLists.filter((list) =>
      equalBytes(list.issuer, subject.issuerName),
    )
    for (const list of lists) {
      const problem = listProblem(list, issuers, at)
      if (problem !== undefined) return metadataErrors.refuse('revoked', problem)
      if (list.revoked.has(serialText(serialNumber))) {
        return metadataErrors.refuse('revoked', `the certificate ${serialNumber} is revoked`)
      }
    }
  }
  return undefined
}

function listProblem(
  list: RevocationList,
  issuers: readonly Certificate[],
  at: Instant,
): string | undefined {
  if (!issuers.some(({ publicKey }) => verifyList(list, publicKey))) {
    return 'a revocation list was not signed by its issuer'
  }
  return at > list.nextUpdate ? 'a revocation list is overdue' : undefined
}

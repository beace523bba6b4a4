import { derChildren, derTag, parseDer } from '../der.ts'
import type { DerElement } from '../der.ts'
import { hex, oid, parseName } from './certificate.ts'
import type { AttestationCertificate } from './certificate.ts'

/** `[4]` in GeneralName: a directory name. */
const directoryName = 0xa4
const emptyName = '3000'

/**
 * WebAuthn L3 8.3.1: an empty subject, the TPM's maker, model and version in the alternative name (TPMv2-EK-Profile
 * 3.2.9), and the purpose tcg-kp-AIKCertificate. Basic constraints are judged with those of other leaves.
 */
export function aikCertificateProblem(certificate: AttestationCertificate): string | undefined {
  if (hex(certificate.subjectName) !== emptyName) return 'subject is not empty'
  const names = certificate.extensions.get(oid.subjectAlternativeName)
  if (names === undefined || !namesTpm(names.value)) {
    return 'alternative name does not name a TPM'
  }
  const purposes = certificate.extensions.get(oid.extendedKeyUsage)
  if (purposes === undefined || !isForAik(purposes.value)) {
    return 'certificate is not for an attestation key of a TPM'
  }
  return undefined
}

function namesTpm(value: Uint8Array): boolean {
  const names = derChildren(parseDer(value), derTag.sequence) ?? []
  const directories = names.filter(({ tag }) => tag === directoryName)
  const [directory] = directories
  if (directories.length !== 1 || directory === undefined) return false
  const attributes = parseName(parseDer(directory.content))
  const manufacturer = attributes?.get(oid.tpmManufacturer) ?? ''
  return (
    /^id:[0-9A-Fa-f]{8}$/.test(manufacturer) &&
    (attributes?.get(oid.tpmModel) ?? '') !== '' &&
    (attributes?.get(oid.tpmVersion) ?? '') !== ''
  )
}

function isForAik(value: Uint8Array): boolean {
  const purposes = derChildren(parseDer(value), derTag.sequence) ?? []
  return purposes.some(
    ({ tag, content }: DerElement) =>
      tag === derTag.objectIdentifier && hex(content) === oid.aikCertificate,
  )
}

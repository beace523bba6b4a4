import { createHash } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

import { concatBytes, equalBytes, toBase64url } from '../../core/index.ts'
import type { CborMap } from '../cbor.ts'
import { sha256 } from '../ceremony.ts'
import { verifySignature } from '../signature.ts'
import { aaguidProblem, endEntityProblem } from './packed.ts'
import { oid } from './certificate.ts'
import type { AttestationCertificate } from './certificate.ts'
import { unknownDevice } from './device.ts'
import { aikCertificateProblem } from './tpm-certificate.ts'
import { parseCertifyInfo, parsePublicArea } from './tpm-structures.ts'
import type { PublicArea } from './tpm-structures.ts'
import { algorithmOf, bytesOf, hasExactly, leafKeyFor, parseChain } from './verified.ts'
import type { AttestedFacts, StatementOutcome } from './verified.ts'

/** TPM_ALG_ID of the digests a Name may be made with. SHA-1 is not among them. */
const nameDigests: Readonly<Record<number, string>> = {
  0x000b: 'sha256',
  0x000c: 'sha384',
  0x000d: 'sha512',
}
const curveP256 = 0x0003
/** TPMA_OBJECT: made inside this TPM, and never to leave it. */
const bound = { fixedTpm: 1 << 1, fixedParent: 1 << 4, sensitiveDataOrigin: 1 << 5 } as const

/**
 * WebAuthn L3 8.3, verification procedure. Statements signed with SHA-1 (`alg` RS1, from old Windows
 * devices) are refused with every other algorithm that is not ES256, EdDSA or RS256.
 */
export function verifyTpm(statement: CborMap, facts: AttestedFacts): StatementOutcome {
  const members = parseMembers(statement)
  if (typeof members === 'string') return members
  const { algorithm, signature, certInfo, chain } = members
  // The public area is of the credential's key
  const area = parsePublicArea(members.pubArea)
  if (area === undefined) return 'pubArea is no public area of a signing key'
  if (!isSameKey(area.key, facts.credentialKey.key)) return 'pubArea is of another key'
  const untrue = certInfoProblem(members, area, facts)
  if (untrue !== undefined) return untrue
  // The signature, by a certificate as 8.3.1 wants it
  const key = leafKeyFor(chain[0], algorithm)
  if (typeof key === 'string') return key
  if (!verifySignature(key, certInfo, signature)) return 'wrong signature'
  const problem = tpmLeafProblem(chain[0], facts.aaguid)
  return problem ?? { chain, namesModel: true, weakness: weaknessOf(area), device: unknownDevice }
}

/** Magic and type are settled by the parser. */
function certInfoProblem(
  { certInfo, pubArea }: { readonly certInfo: Uint8Array; readonly pubArea: Uint8Array },
  area: PublicArea,
  facts: AttestedFacts,
): string | undefined {
  const info = parseCertifyInfo(certInfo)
  if (info === undefined) return 'certInfo is no certification by a TPM'
  const attested = sha256(concatBytes(facts.authenticatorData, facts.clientDataHash))
  if (!equalBytes(info.extraData, attested)) return 'extraData of certInfo is another'
  const name = nameOf(area, pubArea)
  if (name === undefined || !equalBytes(info.name, name)) return 'certInfo names another object'
  return undefined
}

/**
 * What may be critical in the certificate of a TPM. Microsoft's name the policy they are issued under; none is
 * asked for here, so that any will do (RFC 5280 6.1.1 (c)). Constraints on policies are not understood.
 */
const understood = [oid.subjectAlternativeName, oid.extendedKeyUsage, oid.certificatePolicies]

/** WebAuthn L3 8.3.1, and the last step of 8.3 about the AAGUID. */
export function tpmLeafProblem(
  certificate: AttestationCertificate,
  aaguid: Uint8Array,
): string | undefined {
  return (
    aikCertificateProblem(certificate) ??
    endEntityProblem(certificate, understood) ??
    aaguidProblem(certificate, aaguid)
  )
}

function parseMembers(statement: CborMap) {
  const algorithm = algorithmOf(statement)
  const signature = bytesOf(statement, 'sig')
  const certInfo = bytesOf(statement, 'certInfo')
  const pubArea = bytesOf(statement, 'pubArea')
  // Syntax
  if (!hasExactly(statement, 'ver', 'alg', 'x5c', 'sig', 'certInfo', 'pubArea')) {
    return 'members are wrong'
  }
  if (statement.get('ver') !== '2.0') return 'ver is not 2.0'
  if (algorithm === undefined) return 'alg is not supported'
  if (signature === undefined || certInfo === undefined || pubArea === undefined) {
    return 'sig, certInfo or pubArea is no byte string'
  }
  const chain = parseChain(statement.get('x5c'))
  return typeof chain === 'string' ? chain : { algorithm, signature, certInfo, pubArea, chain }
}

/** `parameters` and `unique` against the credential's key. */
function isSameKey(found: PublicArea['key'], key: KeyObject): boolean {
  const jwk = key.export({ format: 'jwk' })
  if (found.kind === 'rsa') {
    const exponent = Buffer.from(jwk.e ?? '', 'base64url')
    return (
      jwk.kty === 'RSA' &&
      toBase64url(found.modulus) === jwk.n &&
      exponent.byteLength <= 4 &&
      exponent.readUIntBE(0, exponent.byteLength) === found.exponent
    )
  }
  return (
    jwk.kty === 'EC' &&
    found.curve === curveP256 &&
    toBase64url(padded(found.x)) === jwk.x &&
    toBase64url(padded(found.y)) === jwk.y
  )
}

/** A TPM may leave leading zeros of a coordinate out. */
function padded(coordinate: Uint8Array): Uint8Array {
  return concatBytes(new Uint8Array(Math.max(0, 32 - coordinate.byteLength)), coordinate)
}

/** TPM 2.0 Library part 1, 16: nameAlg and the digest of the public area. */
function nameOf({ nameAlgorithm }: PublicArea, pubArea: Uint8Array): Uint8Array | undefined {
  const digest = nameDigests[nameAlgorithm]
  if (digest === undefined) return undefined
  const prefix = Uint8Array.of(nameAlgorithm >> 8, nameAlgorithm & 0xff)
  return concatBytes(prefix, createHash(digest).update(pubArea).digest())
}

/** A TPM certifies keys that were brought into it too; the attributes tell them apart. */
function weaknessOf({ attributes }: PublicArea): string | undefined {
  const wanted = bound.fixedTpm | bound.fixedParent | bound.sensitiveDataOrigin
  return (attributes & wanted) === wanted ? undefined : 'the key was not made to stay in the TPM'
}

/**
 * X.509 certificates: reading the ones a listener presents and callers show, and a certificate authority
 * for one machine (`proofgate dev-ca`). It guarantees that a name which cannot be read for certain counts
 * for nothing, and that what the local authority issues is worth nothing off this machine: its name
 * constraints say so. Verifying chains is the TLS library's; revocation lists and OCSP are not looked at.
 */
export { isLocalHost, LocalAuthority } from './authority.ts'
export type { KeyPair } from './authority.ts'
export { certificateFacts } from './facts.ts'
export type { CertificateFacts } from './facts.ts'
export { parseCertificates, parseKey } from './files.ts'
export { alternativeNames, CoveredHosts } from './names.ts'

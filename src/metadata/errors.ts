import { defineErrors } from '../core/index.ts'

/** Every way this area says no. */
export const metadataErrors = defineErrors('metadata', {
  not_configured: {
    status: 409,
    title: 'No roots for metadata are configured',
    fault: 'operator',
    doc: 'Name the certificates that metadata is believed for in `authenticators.metadata.roots`.',
  },
  file_unreadable: {
    status: 400,
    title: 'The file with metadata cannot be read',
    fault: 'operator',
    doc: 'The path leads to no readable file of at most 32 MiB. The server reads it, so it has to be allowed to.',
  },
  malformed: {
    status: 400,
    title: 'The file holds no well-formed metadata',
    fault: 'operator',
    doc: 'It is no signed list of FIDO metadata (a compact JWS with `x5c`), names a model twice, or is too large. Download it again.',
  },
  signature: {
    status: 400,
    title: 'The signature of the metadata does not hold',
    fault: 'operator',
    doc: 'The list was changed after it was signed, or signed in a way that is not accepted. Download it again.',
  },
  untrusted: {
    status: 400,
    title: 'The signer of the metadata is not trusted',
    fault: 'operator',
    doc: 'The certificates of the list lead to no configured root, are not valid now, or are for another signer than `authenticators.metadata.signer`.',
  },
  revoked: {
    status: 400,
    title: 'A certificate of the metadata is revoked, or nobody can tell',
    fault: 'operator',
    doc: 'A configured revocation list names one of the certificates, or the list of its issuer is overdue or does not verify.',
  },
  older: {
    status: 409,
    title: 'The metadata is not newer than what is in force',
    fault: 'operator',
    doc: 'The number of the list (`no`) is not above that of the list in force. Lists never go back.',
  },
  revocation_list_malformed: {
    status: 400,
    title: 'The file holds no well-formed revocation lists',
    fault: 'operator',
    doc: 'It is no complete list of revoked certificates (X.509 CRL version 2, DER or PEM) that says when the next one comes, has a critical extension, or is of the future.',
  },
  revocation_list_untrusted: {
    status: 400,
    title: 'Nobody who is trusted signed the revocation list',
    fault: 'operator',
    doc: 'It was signed by none of the roots of metadata, the trust anchors and the makers in the list in force, nor by an authority below them whose certificate is in the same file.',
  },
  revocation_list_older: {
    status: 409,
    title: 'The revocation list is not newer than what is in force',
    fault: 'operator',
    doc: 'The list of the same authority that is in force was issued at the same time or later. Lists never go back.',
  },
  revocation_list_overdue: {
    status: 400,
    title: 'The revocation list is overdue',
    fault: 'operator',
    doc: 'Its next update was due already. Download a current one.',
  },
  overdue: {
    status: 400,
    title: 'The metadata is overdue',
    fault: 'operator',
    doc: 'Its next update was due longer ago than `authenticators.metadata.refuseAfter` allows. Download a current one.',
  },
})

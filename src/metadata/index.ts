/**
 * FIDO metadata: the list in which makers' models of authenticators are described and reported on (FIDO
 * Metadata Service 3.1), brought in as a file. It answers what attestation of a model is believed for, and
 * what is known against the model.
 *
 * Guarantees: a list counts only when its signer's certificates lead to a configured root, name the
 * configured signer, were valid and not revoked when it was imported; an older list never replaces a newer
 * one; a damaged or overdue one vouches for nothing. Lists of revoked certificates count when an anchor stands
 * behind them, and never go back. Each reader of the folder sees a new list with its next
 * question. Input is bounded; addresses in lists and certificates are never followed.
 *
 * Does not: fetch anything itself, keep people's keys, or decide who may register one.
 */
export { longestBlob } from './blob.ts'
export { isFetchable } from './source.ts'
export { metadataErrors } from './errors.ts'
export { Metadata } from './metadata.ts'
export type { Imported, MetadataFloor, MetadataMark, MetadataStatus } from './metadata.ts'
export type { MetadataSettings } from './settings.ts'
export type { KnownModel } from './model.ts'
export { parseRevocationLists } from './revocation-list.ts'
export { RevocationLists } from './revocation-lists.ts'
export type {
  ChainProblem,
  ImportedRevocationLists,
  KeptRevocationList,
  RevocationListFacts,
  RevocationListStore,
} from './revocation-lists.ts'
export type { RevocationList } from './revocation-list.ts'

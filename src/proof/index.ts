/**
 * Proofs bound to one request: a touch of a key that says yes to exactly this request, once.
 *
 * Guarantees: what a key signs is a digest of the statement that people are shown, which holds the digest
 * of the request, who asks, the decision it is for and until when; a proof is taken by one atomic statement
 * before anything of it is judged; whoever may approve, and with which keys, is judged at the touch and
 * again when the proof is used; all that is needed to verify the touch later is kept.
 *
 * Does not: show pages or take ceremonies (`login`), read requests or decide when a proof is demanded
 * (`gateway`), or promise that a person read what they touched a key for: a key consents to a digest.
 * The format is in docs/proof-format.md.
 */
export type { Approver } from './approvers.ts'
export {
  boundHeaders,
  boundNames,
  canonicalRequest,
  contentDigest,
  requestDigest,
} from './bound-request.ts'
export type { BoundHeader, BoundRequest } from './bound-request.ts'
export type { ProofDemand } from './demand.ts'
export { proofErrors } from './errors.ts'
export type { ProofParty } from './evidence.ts'
export { evidenceHeader, forwardedEvidence } from './forwarded.ts'
export { parseProofHeader, proofHeader } from './header.ts'
export type { NamedProof } from './header.ts'
export { recordedEvidence, replayRecoveryTouch, replayTouch } from './recorded.ts'
export type { RecordedMembers, ReplayedTouch, ReplayExpectation } from './recorded.ts'
export type { Holder, Presented } from './presented.ts'
export { Proofs } from './proofs.ts'
export type { OpenedProof, OpenProof, ProofParts, ProofRequest, RedeemedProof } from './proofs.ts'
export { parseRecoveryStatement, printRecoveryStatement } from './recovery-statement.ts'
export type { RecoveryStatement } from './recovery-statement.ts'
export { asksForBody, parseSentence, visible, writeSentence } from './sentence.ts'
export type { Sentence, SentencePart, SentenceValues } from './sentence.ts'
export { challengeFor, parseStatement, printStatement } from './statement.ts'
export type { Approvers, Statement } from './statement.ts'
export type {
  Evidence,
  PendingAsked,
  PendingProof,
  ProofPlace,
  ProofRecord,
  ProofState,
  ProofStore,
  TakenProof,
} from './store.ts'

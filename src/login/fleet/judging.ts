import { isRefusal } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import type { Credential, Finding, FindingAct } from '../../identity/index.ts'
import { verifyStoredAttestation } from '../../webauthn/index.ts'
import { judgeStatement, judgeWanted } from '../authenticator-rules.ts'
import type { AuthenticatorRules, JudgingPolicy, Vouched } from '../authenticator-rules.ts'

/** What is done about each kind of finding. */
export interface RegisteredActs {
  readonly reported: FindingAct
  readonly refused: FindingAct
}

/** What is to be thought of a stored credential today. */
export interface Judged {
  readonly trusted: boolean
  /** Why it is not trusted, for administrators. */
  readonly why: string | undefined
  readonly finding: Finding | undefined
}

/** What a late list of revocations leaves as it is. */
const kept: Vouched['trust'] = { trusted: true, anchor: 'as before', path: [] }

/** Says that a model is not made any more, and nothing against the keys it holds. */
const harmless = 'RETIRED'

/**
 * A stored credential by the anchors, metadata and rules of now: its statement is verified again from what
 * was kept, at the time of its registration.
 *
 * Invariant: a statement proves nothing any more once keys of its model are reported to be in other hands.
 */
export function judgeStored(
  policy: JudgingPolicy,
  rules: AuthenticatorRules,
  acts: RegisteredActs,
  credential: Credential,
): Judged {
  const verified = verifyStoredAttestation(credential)
  if (isRefusal(verified)) {
    const why = `its registration does not verify any more: ${wordsOf(verified)}`
    return { trusted: false, why, finding: { kind: 'refused', what: why, act: acts.refused } }
  }
  const { statement, aaguid } = verified
  const asked = judgeStatement(policy, { statement, aaguid, at: credential.createdAt })
  const vouched = asked.unsure && credential.attestationTrusted ? { ...asked, trust: kept } : asked
  const found = { ...credential, aaguid, statement }
  const finding = findingOf(rules, acts, found, vouched)
  if (finding?.kind === 'reported') return { trusted: false, why: finding.what, finding }
  const { trust } = vouched
  return { trusted: trust.trusted, why: trust.trusted ? undefined : trust.why, finding }
}

function findingOf(
  rules: AuthenticatorRules,
  acts: RegisteredActs,
  found: Parameters<typeof judgeWanted>[1] & Pick<Credential, 'algorithm'>,
  vouched: Vouched,
): Finding | undefined {
  const { model } = vouched
  const reports = `metadata reports ${model?.reasons.join(', ') ?? ''} for its model`
  if (model?.verdict === 'block') {
    const kind = model.reasons.every((reason) => reason === harmless) ? 'refused' : 'reported'
    return { kind, what: reports, act: acts[kind] }
  }
  const unwanted = judgeWanted(rules, found, vouched)
  if (unwanted !== undefined) {
    return { kind: 'refused', what: wordsOf(unwanted), act: acts.refused }
  }
  if (!rules.algorithms.some((algorithm) => algorithm === found.algorithm)) {
    return { kind: 'refused', what: 'its signature algorithm is not allowed', act: acts.refused }
  }
  return model?.verdict === 'warn' ? { kind: 'noted', what: reports, act: 'warn' } : undefined
}

function wordsOf({ title, detail }: Refusal): string {
  return detail === undefined ? title : `${title}: ${detail}`
}

import type { Refusal } from '../core/index.ts'
import { proofAlgorithms } from './dpop.ts'

/** The schemes a caller can present a token with. */
export type TokenScheme = 'Bearer' | 'DPoP'

export interface ChallengeContext {
  /** The scheme the request used; undefined when it carried no token at all. */
  readonly scheme: TokenScheme | undefined
  /** Address of the protected resource metadata (RFC 9728 5.1). */
  readonly resourceMetadata: string | undefined
  /** The scopes that would be enough (RFC 6750 3). */
  readonly scopes: readonly string[]
}

/** Error codes of RFC 6750 3.1 and RFC 9449 7.1 and 9 for the refusals that have one. */
const errorNames: ReadonlyMap<string, string> = new Map([
  ['token.invalid', 'invalid_token'],
  ['token.expired', 'invalid_token'],
  ['token.wrong_audience', 'invalid_token'],
  ['token.proof_required', 'invalid_token'],
  ['token.not_bound', 'invalid_token'],
  ['token.certificate_required', 'invalid_token'],
  ['token.insufficient_scope', 'insufficient_scope'],
  ['token.proof_invalid', 'invalid_dpop_proof'],
  ['token.proof_replayed', 'invalid_dpop_proof'],
  ['token.proof_nonce', 'use_dpop_nonce'],
])

/**
 * The `WWW-Authenticate` values for a refused request, one per scheme; the failed scheme carries the
 * error. A request without a token gets no error code (RFC 6750 3.1). A refusal that is not about
 * the token (a store that does not answer) gets no challenge.
 *
 * @param refusal - undefined for a request without a token.
 */
export function challenges(
  refusal: Refusal | undefined,
  context: ChallengeContext,
): readonly string[] {
  if (refusal === undefined) return (['Bearer', 'DPoP'] as const).map((s) => challenge(s, context))
  const error = errorNames.get(refusal.code)
  if (error === undefined) return []
  const failed = failedScheme(refusal, error, context)
  return [
    challenge(failed, context, [
      ['error', error],
      ['error_description', refusal.title],
    ]),
  ]
}

/** The challenge for a caller who must prove themselves again or more strongly (RFC 9470 3). */
export function stepUpChallenge(
  need: {
    readonly acrValues: readonly string[]
    /** Oldest acceptable proof. */
    readonly maxAgeSeconds: number | undefined
    readonly description: string
  },
  context: ChallengeContext,
): string {
  return challenge(context.scheme ?? 'Bearer', context, [
    ['error', 'insufficient_user_authentication'],
    ['error_description', need.description],
    ['acr_values', need.acrValues.join(' ')],
    ['max_age', need.maxAgeSeconds === undefined ? '' : String(need.maxAgeSeconds)],
  ])
}

/** What has to do with a proof is answered by the DPoP challenge, whatever scheme was used. */
function failedScheme(refusal: Refusal, error: string, context: ChallengeContext): TokenScheme {
  if (refusal.code === 'token.proof_required' || error.endsWith('dpop_proof')) return 'DPoP'
  if (error === 'use_dpop_nonce') return 'DPoP'
  return refusal.code === 'token.not_bound' ? 'Bearer' : (context.scheme ?? 'Bearer')
}

function challenge(
  scheme: TokenScheme,
  context: ChallengeContext,
  problem: readonly (readonly [string, string])[] = [],
): string {
  const parameters = [
    ...problem,
    ['scope', context.scopes.join(' ')],
    ['resource_metadata', context.resourceMetadata ?? ''],
    ['algs', scheme === 'DPoP' ? proofAlgorithms.join(' ') : ''],
  ] as const
  const present = parameters.filter(([, value]) => value !== '')
  const printed = present.map(([name, value]) => `${name}=${quote(value)}`)
  return printed.length === 0 ? scheme : `${scheme} ${printed.join(', ')}`
}

/** A quoted-string (RFC 9110 5.6.4); what may not stand in a header line becomes a question mark. */
function quote(value: string): string {
  const printable = value.replace(/[^\u0020-\u007E]/gu, '?')
  return `"${printable.replace(/["\\]/g, String.raw`\$&`)}"`
}

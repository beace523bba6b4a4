import { defineErrors, ProofgateError } from '../core/index.ts'

/** Every way this area says no. What a token held never reaches a public text. */
export const tokenErrors = defineErrors('token', {
  invalid: {
    status: 401,
    title: 'The access token is not valid',
    fault: 'caller',
    doc: 'The token is malformed, of another kind, from another issuer, or its signature does not hold. Sign in again.',
  },
  expired: {
    status: 401,
    title: 'The access token has expired',
    fault: 'caller',
    doc: 'The token is past its end (5 s of clock skew are allowed for). Refresh it or sign in again.',
  },
  wrong_audience: {
    status: 401,
    title: 'The access token is meant for another audience',
    fault: 'caller',
    doc: 'The token was issued for another API. Ask the issuer for one whose audience is this API.',
  },
  insufficient_scope: {
    status: 403,
    title: 'The access token does not carry a required scope',
    fault: 'caller',
    doc: 'The issuer is configured with required scopes and the token lacks one. Ask for a token with them.',
  },
  proof_required: {
    status: 401,
    title: 'This access token must be used with a DPoP proof',
    fault: 'caller',
    doc: 'The token is bound to a key but came as a bearer token or without a proof. Send it with the DPoP scheme and a proof.',
  },
  not_bound: {
    status: 401,
    title: 'This access token is not bound to a key',
    fault: 'caller',
    doc: 'A token without a key binding came with the DPoP scheme. Send it as a bearer token, or ask for a bound one.',
  },
  certificate_required: {
    status: 401,
    title: 'This access token must be used with its client certificate',
    fault: 'caller',
    doc: 'The token is bound to a client certificate (RFC 8705) and the connection showed none or another. Connect with that certificate, straight to a listener with `tls.clientCertificates`.',
  },
  proof_invalid: {
    status: 401,
    title: 'The DPoP proof is not valid',
    fault: 'caller',
    doc: 'The proof is malformed, signed by another key, or made for another request, token or time. Make a new proof for each request.',
  },
  proof_replayed: {
    status: 401,
    title: 'The DPoP proof was used before',
    fault: 'caller',
    doc: 'Each proof serves one request. Make a new proof for each request.',
  },
  proof_nonce: {
    status: 401,
    title: 'The DPoP proof must carry the nonce of the server',
    fault: 'caller',
    doc: 'Make a new proof with the value of the DPoP-Nonce response header as its nonce.',
  },
  keys_unavailable: {
    status: 503,
    title: 'The access token cannot be checked at the moment',
    fault: 'upstream',
    doc: 'The verification keys of the issuer cannot be had. Check that the issuer can be reached from this host; the log says why.',
  },
  replays_unavailable: {
    status: 503,
    title: 'The DPoP proof cannot be checked at the moment',
    fault: 'proofgate',
    doc: 'The record of used proofs does not answer or is full, so no proof is accepted. Check the database.',
  },
  key_exposed: {
    status: 500,
    title: 'Proofgate cannot sign',
    fault: 'operator',
    doc: 'A signing key or its directory can be read by other accounts. Consider the key stolen: restrict the mode, then rotate.',
  },
  key_damaged: {
    status: 500,
    title: 'Proofgate cannot sign',
    fault: 'operator',
    doc: 'A signing key file cannot be understood. Restore it from a backup; Proofgate never replaces a damaged key by itself.',
  },
  key_missing: {
    status: 500,
    title: 'Proofgate cannot sign',
    fault: 'operator',
    doc: 'A signing key that was in use has gone from its directory. Restore it from a backup.',
  },
  key_storage: {
    status: 500,
    title: 'Proofgate cannot sign',
    fault: 'operator',
    doc: 'The directory of the signing keys cannot be read or written. Check the disk, its mode and its owner.',
  },
  issuer_unreachable: {
    status: 503,
    title: 'The issuer of the access token cannot be reached',
    fault: 'upstream',
    doc: 'Discovery or the key set of an external issuer failed; the log names the address and the reason.',
  },
  misconfigured: {
    status: 500,
    title: 'Proofgate is not set up correctly',
    fault: 'operator',
    doc: 'A verifier was given no issuer, no audience or no algorithm. Without them it would have to accept anything, so it does not start.',
  },
})

type TokenReason = keyof typeof tokenErrors.specs

/** An operation of this area that could not be done; the code is one of the catalogue's. */
export function tokenFailure(
  reason: TokenReason,
  message: string,
  options?: { cause?: unknown; hint?: string },
): ProofgateError {
  return new ProofgateError(`token.${reason}`, message, options)
}

import { ProofgateError } from '../core/index.ts'

/** What a person can do next, by reason; a more exact hint can be given where the error is made. */
const hints = {
  issuer_invalid: 'give an address such as https://auth.example.com',
  issuer_unreachable: 'is the server running? start it with: proofgate up',
  issuer_misbehaves: 'check the address of the issuer, then try again',
  transport_unsafe: 'use https; plain http is for this machine only',
  not_signed_in: 'sign in with: proofgate login',
  sign_in_ended: 'sign in again with: proofgate login',
  sign_in_refused: 'try again with: proofgate login',
  sign_in_timeout: 'try again with: proofgate login',
  audience_unknown: 'name the API with --audience, as its configuration spells it',
  audience_mismatch: 'name the API with --audience if this is what you want',
  audience_needed: 'name the API, for example: --audience http://api.proofgate.localhost:8080',
  store_exposed: 'take the rights of others away with: chmod 600 FILE',
  store_damaged: 'sign in again with: proofgate login',
  store_unavailable: 'check the rights and the free space of the folder',
  keyring_unavailable: 'unlock the keyring, or sign in again with: proofgate login',
  store_busy: 'another proofgate command holds it; try again',
  approval_denied: 'nothing was sent; run it again to ask again',
  approval_timeout: 'nothing was sent; run it again to ask again',
  approval_lost: 'nothing was sent; run it again to ask again',
  approval_unreadable: 'is the address the right one? --no-approval shows the answer as it is',
  approval_elsewhere: 'sign in at the issuer of this API with: proofgate login --issuer URL',
  arguments_invalid: 'see: proofgate curl --help',
} as const

export type ClientReason = keyof typeof hints

/** Makes the error a command ends with; `message` must hold no secret and no unprintable text. */
export function failure(
  reason: ClientReason,
  message: string,
  options: { readonly cause?: unknown; readonly hint?: string } = {},
): ProofgateError {
  return new ProofgateError(`client.${reason}`, message, {
    cause: options.cause,
    hint: options.hint ?? hints[reason],
  })
}

/** Whether an error is ours and of this reason. */
export function isFailure(error: unknown, reason: ClientReason): error is ProofgateError {
  return error instanceof ProofgateError && error.code === `client.${reason}`
}

import { isRefusal, parseJson } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import { parseAuthenticationResponse } from '../webauthn/index.ts'
import type { AuthenticationResponse } from '../webauthn/index.ts'
import { proofErrors } from './errors.ts'

/** What a request says about its proof. */
export interface NamedProof {
  readonly id: string
  /** Where the caller's own key answered the challenge: parsed, nothing verified. */
  readonly assertion?: AuthenticationResponse
}

/** The field's name, lower case. It is for the gateway and never forwarded. */
export const proofHeader = 'proofgate-proof'

/** Longest value, in characters: an assertion of ML-DSA-87 fits. */
const longest = 12_288
const member = /[ \t]*(?:id="([A-Za-z0-9_-]{22})"|assertion=:([A-Za-z0-9+/]+={0,2}):)[ \t]*/y
const jsonLimits = { length: longest, depth: 4 }

/**
 * Reads `id="..."` or `id="...", assertion=:...:`, a Dictionary of RFC 9651 section 3.2 with these members
 * alone, each at most once, without parameters.
 *
 * Invariant: where that RFC would take the last of two members, ignore unknown ones or mend base64, this
 * refuses; so nobody between the caller and here reads another proof in the same text.
 */
export function parseProofHeader(value: string): NamedProof | Refusal {
  if (value.length > longest) return malformed('too long')
  const members = parseMembers(value)
  if (isRefusal(members)) return members
  const { id, assertion } = members
  if (id === undefined) return malformed('no id')
  if (assertion === undefined) return { id }
  const response = parseAssertion(assertion)
  return isRefusal(response) ? response : { id, assertion: response }
}

interface Members {
  readonly id: string | undefined
  readonly assertion: string | undefined
}

function parseMembers(value: string): Members | Refusal {
  let id: string | undefined
  let assertion: string | undefined
  for (let at = 0; ; at++) {
    member.lastIndex = at
    const found = member.exec(value)
    if (found === null) return malformed('a member that cannot be read')
    const isTwice = found[1] === undefined ? assertion !== undefined : id !== undefined
    if (isTwice) return malformed('a member twice')
    id ??= found[1]
    assertion ??= found[2]
    at = member.lastIndex
    if (at === value.length) return { id, assertion }
    if (value[at] !== ',') return malformed('something behind a member')
  }
}

function parseAssertion(base64: string): AuthenticationResponse | Refusal {
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.toString('base64') !== base64) return malformed('base64')
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return malformed('UTF-8')
  }
  const response = parseAuthenticationResponse(parseJson(text, jsonLimits))
  return isRefusal(response) ? malformed(response.detail ?? response.code) : response
}

function malformed(what: string): Refusal {
  return proofErrors.refuse('malformed', what)
}

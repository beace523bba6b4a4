/** The ceremonies' endpoints and the browser's own WebAuthn, JSON in and out (WebAuthn L3 5.1.8). */

/** What may go wrong, each with a message of its own on the page. */
export type Outcome =
  | 'cancelled'
  | 'unsupported'
  | 'failed'
  | 'hardware'
  | 'deviceBound'
  | 'model'
  | 'suspended'
  | 'own'
  | 'wrongSite'
  | 'limited'
  | 'unavailable'
  | 'offline'
  | 'exists'
  | 'spent'
  | 'replaced'

/** What our own endpoints may answer with; which members are there depends on the endpoint. */
export interface Answer {
  readonly redirect?: string
  readonly credentialId?: string
  readonly csrf?: string
  readonly code?: string
  readonly requestId?: string
  /** The account's passkeys as they now are. */
  readonly signal?: {
    readonly rpId: string
    readonly userHandle: string
    readonly credentialIds: readonly string[]
  }
}

/** A problem+json answer. */
export class Problem extends Error {
  readonly status: number
  readonly code: string
  readonly requestId: string

  constructor(status: number, answer: Answer) {
    super('the server refused')
    this.status = status
    this.code = answer.code ?? ''
    this.requestId = answer.requestId ?? ''
  }
}

/** The mount path every address of ours starts with. */
export const base = document.documentElement.dataset['base'] ?? ''

/** Sends a body to a path of ours, for the answer's JSON; throws `Problem` on a no. */
export async function send(path: string, body: object | URLSearchParams): Promise<Answer> {
  const form = body instanceof URLSearchParams
  const response = await fetch(form ? path : base + path, {
    method: 'POST',
    headers: {
      accept: 'application/json',
      ...(form ? {} : { 'content-type': 'application/json' }),
    },
    body: form ? body : JSON.stringify(body),
  })
  const answer = (await response.json().catch(() => ({}))) as Answer
  if (!response.ok) throw new Problem(response.status, answer)
  return answer
}

/** Whether this browser has what the ceremonies need. */
export function supported(): boolean {
  return (
    typeof PublicKeyCredential === 'function' &&
    'parseCreationOptionsFromJSON' in PublicKeyCredential &&
    'parseRequestOptionsFromJSON' in PublicKeyCredential
  )
}

/** Ends a ceremony before it begins where it could not be finished. */
export function requireSupport(): void {
  if (!supported()) throw new DOMException('', 'NotSupportedError')
}

export interface AuthenticationRequest {
  readonly purpose: 'sign-in' | 'confirm'
  readonly returnTo?: string
  /** `confirm`: what was begun at an API host. */
  readonly stepUp?: string
  /** Waits in the field's autofill instead of opening a dialog. */
  readonly conditional?: boolean
  readonly signal?: AbortSignal
  /** Called when the browser asks, and when it has an answer. */
  readonly progress?: (stage: 'waiting' | 'checking') => void
}

/** Options, the browser's dialog or autofill, the server's verdict. */
export async function authenticate(request: AuthenticationRequest): Promise<Answer> {
  const { purpose, returnTo, stepUp, conditional, signal, progress } = request
  requireSupport()
  const json = await send('/webauthn/authentication/options', { purpose, stepUp })
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(
    json as PublicKeyCredentialRequestOptionsJSON,
  )
  if (conditional !== true) progress?.('waiting')
  const credential = await navigator.credentials.get({
    publicKey,
    mediation: conditional === true ? 'conditional' : 'optional',
    ...(signal === undefined ? {} : { signal }),
  })
  progress?.('checking')
  const answer = answerOf(credential)
  return await send('/webauthn/authentication/verify', { ...answer, returnTo })
}

/** A credential as JSON; none at all counts as cancelled. */
export function answerOf(credential: Credential | null): object {
  if (!(credential instanceof PublicKeyCredential)) throw new DOMException('', 'NotAllowedError')
  return credential.toJSON()
}

/** Runs `work`; when the server wants a fresh proof first, makes one and runs it again. */
export async function withProof<Result>(
  work: () => Promise<Result>,
  beforeProof: () => void,
): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'login.proof_required') throw error
    beforeProof()
    await authenticate({ purpose: 'confirm' })
    return await work()
  }
}

const outcomes = new Map<string, Outcome>(
  Object.entries({
    NotAllowedError: 'cancelled',
    AbortError: 'replaced',
    SecurityError: 'wrongSite',
    NotSupportedError: 'unsupported',
    ConstraintError: 'unsupported',
    InvalidStateError: 'exists',
    TypeError: 'offline',
  }),
)

/** Keys that work and are not wanted: the message says which would be. */
const refusals = new Map<string, Outcome>(
  Object.entries({
    'login.hardware_key_required': 'hardware',
    'login.device_bound_key_required': 'deviceBound',
    'login.authenticator_not_allowed': 'model',
    'login.own_key_required': 'own',
    'login.credential_suspended': 'suspended',
  }),
)

/** Which message an error deserves. */
export function outcomeOf(error: unknown): Outcome {
  if (error instanceof Problem) {
    if (error.status === 429) return 'limited'
    if (error.status >= 500) return 'unavailable'
    return refusals.get(error.code) ?? (error.code.includes('ticket') ? 'spent' : 'failed')
  }
  return outcomes.get(error instanceof Error ? error.name : '') ?? 'failed'
}

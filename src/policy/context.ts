/**
 * Facts about one request. Keys come in lower case; `undefined` means the request has no such fact.
 * Numbers, dates and booleans are given as text (`"300"`, `"2026-11-22T09:00:00Z"`, `"true"`). A list
 * is a fact with several values; an empty list counts as absent. Called only for keys that a statement
 * under evaluation names, so a lookup may compute its answer. What it throws denies the request.
 */
export type ContextLookup = (lowercaseKey: string) => string | readonly string[] | undefined

/** A condition key that the gateway supplies. */
export interface ContextKey {
  readonly name: string
  readonly kind: 'string' | 'number' | 'date' | 'boolean' | 'address'
  /** Whether the fact is a list; then it cannot be a policy variable. */
  readonly several: boolean
  /** One line for the documentation: what it holds and when it is absent. */
  readonly about: string
}

/** The condition keys of the gateway, as the documentation lists them. */
export const contextKeys: readonly ContextKey[] = [
  key('aws:SourceIp', 'address', 'address of the client, after trusted proxies were taken off'),
  key('aws:CurrentTime', 'date', 'now, ISO 8601 in UTC'),
  key('aws:EpochTime', 'date', 'now, in whole seconds since 1970-01-01T00:00:00Z'),
  key('aws:SecureTransport', 'boolean', 'whether the client reached the gateway over TLS'),
  key('aws:UserAgent', 'string', 'the `User-Agent` header; absent when none was sent; not a proof'),
  key('aws:Referer', 'string', 'the `Referer` header; absent when none was sent; not a proof'),
  key('aws:username', 'string', 'name of the person; absent for callers who are not a person'),
  key('aws:userid', 'string', 'identifier of the principal that is never used again'),
  key('aws:PrincipalType', 'string', 'what the principal is: `User`, `Anonymous`, …'),
  key('aws:TokenIssueTime', 'date', 'when the token was issued; absent without a token'),
  key('aws:MultiFactorAuthPresent', 'boolean', 'whether more than one factor signed in'),
  key('aws:MultiFactorAuthAge', 'number', 'seconds since that; absent when it did not happen'),
  key('proofgate:Acr', 'string', 'authentication context class of the sign-in: `phr`, `phrh`'),
  keys('proofgate:Amr', 'authentication methods of the sign-in: `hwk`, `swk`, `user`, …'),
  key('proofgate:AuthAge', 'number', 'seconds since the person last signed in'),
  keys('proofgate:Group', 'names of the groups the person is in; absent when in none'),
  key('proofgate:ClientId', 'string', 'the OAuth client the token was issued to'),
  keys('proofgate:Scope', 'scopes of the token, one value each'),
  key('proofgate:CredentialId', 'string', 'credential that signed in, base64url'),
  key('proofgate:Aaguid', 'string', 'model of the authenticator, as a UUID in lower case'),
  key('proofgate:BackupEligible', 'boolean', 'whether the credential may be synced'),
  key('proofgate:BackupState', 'boolean', 'whether the credential is synced at present'),
  key('proofgate:UserVerified', 'boolean', 'whether PIN or biometrics were verified'),
  key(
    'proofgate:ClientCertificateVerified',
    'boolean',
    'whether the connection showed a client certificate that holds; always there',
  ),
  key(
    'proofgate:ClientCertificateSubject',
    'string',
    'its subject (RFC 4514): `CN=alice,O=Example`; absent without one, like all that follow',
  ),
  keys(
    'proofgate:ClientCertificateSan',
    'its alternative names with their kind: `DNS:…`, `URI:…`, `email:…`, `IP:…`',
  ),
  key('proofgate:ClientCertificateIssuer', 'string', 'its issuer, written like the subject'),
  key(
    'proofgate:ClientCertificateFingerprint',
    'string',
    'its SHA-256, 64 hex digits in lower case',
  ),
  key('proofgate:ClientCertificateSerial', 'string', 'its serial number, hex in lower case'),
]

const listKeys = new Set(
  contextKeys.filter(({ several }) => several).map(({ name }) => name.toLowerCase()),
)

/** Whether the key is known to hold a list. */
export function isListKey(lowercaseKey: string): boolean {
  return listKeys.has(lowercaseKey)
}

/** A context value that is not of the type its operator or variable needs. Denies the request. */
export class ContextValueError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ContextValueError'
  }
}

/**
 * What a lookup throws for a fact that it does not know, in an analysis without a request. A request
 * always knows whether it has a fact; there it denies like every other error.
 */
export class UnknownFactError extends Error {
  readonly key: string

  constructor(key: string) {
    super(key)
    this.name = 'UnknownFactError'
    this.key = key
  }
}

/** Reads a fact; an empty list is an absent fact. */
export function readContext(
  context: ContextLookup,
  lowercaseKey: string,
): string | readonly string[] | undefined {
  const found: unknown = context(lowercaseKey)
  if (typeof found === 'string' || found === undefined) return found
  if (!Array.isArray(found)) throw new ContextValueError(`${lowercaseKey} is not text or a list`)
  return found.length === 0 ? undefined : (found as readonly string[])
}

function key(name: string, kind: ContextKey['kind'], about: string): ContextKey {
  return { name, kind, several: false, about }
}

function keys(name: string, about: string): ContextKey {
  return { name, kind: 'string', several: true, about }
}

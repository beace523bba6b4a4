import type { LintCode, PolicyProblemCode } from '../policy/index.ts'

/** One thing wrong (or, as a warning, doubtful) in a configuration, with where it stands. */
export interface ConfigurationProblem {
  /** The file as it was named, or the flag (`--origin`) the value came from. */
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 units. */
  readonly column: number
  /** For people: `apis.orders.routes[0].path`; empty for the document as a whole. */
  readonly path: string
  readonly code: ProblemCode
  /** What was found, then what was expected. */
  readonly message: string
  /** What to do. */
  readonly hint: string
}

/** A text a configuration was read from; problems point into it. */
export interface ConfigurationSource {
  readonly file: string
  readonly text: string
}

/** Every code with the line the documentation gives it. */
export const problemCodes = {
  'config.file': 'A file could not be read.',
  'config.not-read': 'The process that reads it did not come to an end within a minute.',
  'config.too-large': 'A file, its number of values or its substituted text is over the bound.',
  'config.too-deep': 'Values are nested too deeply.',
  'config.too-many': 'There are more problems than are listed.',
  'config.syntax': 'The text is not the one YAML 1.2 document (or JSON policy) it has to be.',
  'config.alias': 'An alias is unknown, recursive, or there are too many.',
  'config.duplicate-key': 'A key appears twice in one mapping.',
  'config.unknown-key': 'A key is not one Proofgate knows.',
  'config.missing': 'A required key is absent.',
  'config.value': 'A value has the wrong type or form.',
  'config.name': 'A name has characters or a length that names cannot have.',
  'config.environment-unset':
    'A referenced environment variable is not set and there is no default.',
  'config.environment-syntax': 'An environment reference is malformed.',
  'config.flag': 'A value given as a flag cannot be applied.',
  'config.port': 'A port is outside 0 to 65535.',
  'config.duration': 'A duration is malformed or out of its range.',
  'config.size': 'A size is malformed or out of its range.',
  'config.access-lifetime': 'Access tokens would live shorter than 10 seconds or over 10 minutes.',
  'config.session-lifetime': 'A session would be allowed to idle longer than it may last.',
  'config.algorithm': 'A signing algorithm is neither ES256 nor RS256.',
  'config.throttle': 'A rate is not above zero, or a burst is below one.',
  'config.trusted-proxy': 'A trusted proxy is not a narrow CIDR block.',
  'config.origin': 'An origin is not in its one canonical form.',
  'config.origin-and-domain': '`origin` and `domain` are both given.',
  'config.origin-conflict': 'With one `origin` for everything another origin is given too.',
  'config.insecure-origin': 'An http origin is not on localhost.',
  'config.tls-file': 'A certificate or key file cannot be read.',
  'config.tls-certificate': 'A file holds no certificate, or one that TLS cannot use.',
  'config.tls-key': 'A file holds no private key without passphrase.',
  'config.tls-pair': 'A private key is not the one of its certificate.',
  'config.tls-ciphers': 'The TLS library does not know a cipher suite.',
  'config.tls-authority': 'A file of authorities holds none, or something else.',
  'config.tls-origin': 'An http origin is served by a listener with TLS.',
  'config.h2c-tls': 'HTTP/2 without TLS is asked for at a listener with TLS.',
  'config.hsts': 'HSTS is asked for at an http origin.',
  'config.relying-party': 'The RP ID does not fit the identity origin.',
  'config.production': 'A dangerously_ switch is on in production.',
  'config.host': 'An API host is malformed.',
  'config.host-missing': 'One of several APIs has no host.',
  'config.host-duplicate': 'Two APIs are on one host.',
  'config.host-conflict': 'An API is on the host of sign-in or the console.',
  'config.unknown-upstream': 'An upstream is named that does not exist.',
  'config.unknown-authorizer': 'An authorizer is neither proofgate, open nor a known issuer.',
  'config.unknown-group': 'A group is named that does not exist.',
  'config.unknown-policy': 'A policy is named that does not exist.',
  'config.unknown-role': 'A role is named that does not exist.',
  'config.unknown-person': 'A person is named that does not exist.',
  'config.upstream-url': 'An upstream URL has parts it cannot have.',
  'config.upstream-targets':
    'An upstream has neither `url` nor `targets`, both, or targets that do not go together.',
  'config.upstream-balance': 'Targets have weights that their balance does not heed.',
  'config.upstream-host': 'The host sent to an upstream is not in its one form.',
  'config.upstream-tls': 'The TLS files of an upstream cannot be read or used together.',
  'config.upstream-protocol':
    'An upstream protocol is unknown, or does not fit its URL or a WebSocket route.',
  'config.upstream-loop': 'An upstream is this server itself.',
  'config.upstream-metadata': 'An upstream is a cloud metadata or link-local address.',
  'config.upstream-private': 'An upstream is a private address without leave for it.',
  'config.route-path': 'A path pattern is malformed or not in canonical form.',
  'config.route-duplicate': 'Two routes of an API match the same requests.',
  'config.route-reserved': 'A route lies where the identity pages live.',
  'config.route-websocket': 'A route allows WebSocket with a method that cannot open one.',
  'config.proof': 'A route demands a proof that nobody could give, or demands nothing.',
  'config.template': 'A value names a parameter or fact that does not exist, or is malformed.',
  'config.rewrite':
    'What a path is rewritten to is not in canonical form, or cuts off what is not there.',
  'config.query': 'Changes to a query contradict each other.',
  'config.header-name': "A header is malformed, or is one of the gateway's own.",
  'config.cors':
    'An origin is not in the form browsers send, or everything is allowed with credentials.',
  'config.answer': 'What a route answers by itself is not an answer, or it also asks a service.',
  'config.split': 'The shares of a split are no division.',
  'config.issuer-name': 'An issuer has a reserved name.',
  'config.issuer-url': 'An issuer is not an absolute URL that can be compared exactly.',
  'config.issuer-http': 'An issuer is not reached over https.',
  'config.issuer-audiences': 'An issuer names no audience.',
  'config.client-id': 'A client id is malformed, reserved or used twice.',
  'config.client-redirect': 'A redirect URI is not exact, or not https or loopback.',
  'config.secret-empty': 'A secret is empty.',
  'config.secret-short': 'A secret is shorter than 16 characters.',
  'config.secret-missing': 'A client is not public and has no secret.',
  'config.secret-unused': 'A public client has a secret.',
  'config.secret-file': 'A file with a secret cannot be read.',
  'config.signal-url': 'A webhook or receiver is at a place that nobody can be told at.',
  'config.signal-name': 'Two webhooks, or two receivers, have the same name.',
  'config.signal-delivery':
    'A receiver has not what its delivery needs, or something of the other.',
  'config.signal-authorization': 'A file holds no token or header value.',
  'config.webhook-secret': 'A file holds no webhook secrets.',
  'config.issuer-namespace': 'Two issuers share an account, and people of the same name.',
  'config.preset': 'An option is weaker than the chosen preset allows.',
  'config.authenticators': 'A rule for passkeys asks for a proof that none could give.',
  'config.passkeys': 'Passkeys would be due for replacement from their first day on.',
  'config.trust-anchor':
    'A file of trust anchors cannot be read, or holds something else than certificates and public keys.',
  'config.revocation-list':
    'A file of revocation lists cannot be read, or holds one that cannot be understood for certain.',
  'config.username': 'A user name is not in its one form.',
  'config.username-duplicate': 'A user name appears twice.',
  'config.credential-duplicate':
    'A credential appears twice among those that are for some roles only.',
  'config.policy-file': 'A policy file cannot be read.',
  'config.policy-test': 'A policy test fails.',
  'config.policy-test-context': 'A policy test names a condition key that no request has.',
  'config.policy-test-duplicate': 'Two policy tests have the same name.',
  'config.policy-test-file': 'A file of policy tests cannot be read.',
  'config.unknown-api': 'An API is named that does not exist.',
  'config.warn-certificate-expiry': 'A certificate has expired, is about to, or is not valid yet.',
  'config.warn-certificate-host': 'No certificate is for a host that is served.',
  'config.warn-key-exposed': 'A private key can be read by other accounts.',
  'config.warn-open-api': 'Every route of an API is open.',
  'config.warn-empty-group': 'No one is in a group.',
  'config.warn-unused-policy': 'No group, person or role has a policy.',
  'config.warn-role-trust': 'No statement lets anybody have a role.',
  'config.warn-role-boundary': 'The boundary of a role leaves nothing of what its policies allow.',
  'config.warn-upstream-http': 'An upstream elsewhere is reached without TLS.',
} as const satisfies Readonly<Record<string, string>>

/** Codes of this area, and those the policy language and its linter have for documents. */
export type ProblemCode = keyof typeof problemCodes | PolicyProblemCode | LintCode

const mostProblems = 200

/** Gathers problems; bounded, because a hostile text can hold one per byte. */
export class ProblemList {
  readonly #problems: ConfigurationProblem[] = []
  #dropped = 0

  add(problem: ConfigurationProblem): void {
    if (this.#problems.length < mostProblems) this.#problems.push(problem)
    else this.#dropped++
  }

  get size(): number {
    return this.#problems.length
  }

  /** In reading order per file, files in the order they were first met; frozen. */
  sorted(): readonly ConfigurationProblem[] {
    const files = [...new Set(this.#problems.map((problem) => problem.file))]
    const sorted = files.flatMap((file) =>
      this.#problems.filter((problem) => problem.file === file).toSorted(byPlace),
    )
    const last = sorted.at(-1)
    if (this.#dropped > 0 && last !== undefined) sorted.push(this.#rest(last))
    return Object.freeze(sorted.map((problem) => Object.freeze(problem)))
  }

  #rest(last: ConfigurationProblem): ConfigurationProblem {
    return {
      ...last,
      path: '',
      code: 'config.too-many',
      message: `found ${this.#dropped} more problems, expected none`,
      hint: 'Mend the ones above and check again.',
    }
  }
}

function byPlace(a: ConfigurationProblem, b: ConfigurationProblem): number {
  return a.line === b.line ? a.column - b.column : a.line - b.line
}

/** A path into the document: keys and array indexes. */
export type Path = readonly (string | number)[]

/** One string per path, for maps. */
export function pathKey(path: Path): string {
  return JSON.stringify(path)
}

/** For people: `apis.orders.routes[0].path`. */
export function printPath(path: Path): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else if (/^[A-Za-z0-9_-]+$/.test(part)) text += text === '' ? part : `.${part}`
    else text += `[${quote(part)}]`
  }
  return text
}

const longestQuote = 80

/**
 * A found text, quoted, shortened, and without anything a terminal would obey or the user part of a URL,
 * which may hold a password.
 */
export function quote(text: string): string {
  const safe = hideUserInfo(text)
  const short =
    safe.length > longestQuote ? `${safe.slice(0, longestQuote).toWellFormed()}...` : safe
  return JSON.stringify(short).replace(
    /[\u007f-\u009f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** One character for one, so that columns stay. */
export function hideUserInfo(text: string): string {
  return text.replace(/:\/\/[^/@\s'"]+@/g, (found) => `://${'*'.repeat(found.length - 4)}@`)
}

/** What was found, in words. */
export function describeFound(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (typeof value === 'string') return quote(value)
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return Array.isArray(value) ? 'a list' : 'a mapping'
}

import type { Instant, Millis, Secret } from '../core/index.ts'
import type { PolicyDocument } from '../policy/index.ts'
import type { Cors, RouteFeatures } from './features.ts'
import type { ConfiguredPolicyTest } from './policy-tests/model.ts'
import type { AuthenticatorLimits, ConfiguredAuthenticators } from './model/authenticators.ts'
import type { ConfiguredPasskeys, ConfiguredRecovery } from './model/passkeys.ts'
import type { ConfiguredProof } from './model/proof.ts'
import type { ConfiguredReceiver, ConfiguredWebhook } from './model/signals.ts'
import type { EffectiveValue } from './values.ts'

/**
 * A configuration that was checked as a whole: every default filled in, every reference resolved, deeply
 * frozen. Origins are strings in canonical form, sizes are bytes, times are milliseconds, file paths are
 * absolute.
 */
export interface Configuration {
  /** First 16 hex digits of the SHA-256 of the effective configuration without its secrets. */
  readonly version: string
  /** The same of what decides about requests: equal in processes that decide alike. */
  readonly rulesVersion: string
  /** The file it was read from; absent for what Proofgate carries itself. */
  readonly file: string | undefined
  /** Absolute paths of all files it was read from: itself and the policies it names. */
  readonly files: readonly string[]
  readonly dataDirectory: string
  readonly storage: { readonly database: string; readonly keys: string }
  readonly production: boolean
  /** Paths of the `dangerously_` switches that are on, for the start-up banner. */
  readonly dangerousSwitches: readonly string[]
  readonly listeners: { readonly public: PublicListenerSettings; readonly admin: Listener }
  /** Whether everything is on one origin. */
  readonly singleOrigin: boolean
  readonly identity: Site & {
    /** The issuer identifier: origin and base path. */
    readonly issuer: string
    /** Time of the `Strict-Transport-Security` header; absent: none. */
    readonly hsts: Millis | undefined
  }
  readonly console: Site
  readonly relyingParty: { readonly id: string; readonly name: string }
  /** Which passkeys people may register. */
  readonly authenticators: ConfiguredAuthenticators
  readonly passkeys: ConfiguredPasskeys
  /** Absent: nobody is let in again with the approval of somebody else. */
  readonly recovery: ConfiguredRecovery | undefined
  readonly tokens: {
    readonly accessLifetime: Millis
    readonly idLifetime: Millis
    readonly refreshLifetime: Millis
    readonly algorithm: SigningAlgorithm
  }
  readonly sessions: {
    readonly idle: Millis
    readonly absolute: Millis
    readonly proofFreshness: Millis
  }
  readonly region: string
  readonly account: string
  /** CIDR blocks. */
  readonly trustedProxies: readonly string[]
  readonly forwardedHeader: 'x-forwarded-for' | 'forwarded'
  readonly people: readonly ConfiguredPerson[]
  readonly groups: readonly ConfiguredGroup[]
  readonly policies: readonly ConfiguredPolicy[]
  /** Those that bound somebody, as the shorter documents they have to be. */
  readonly boundaries: readonly ConfiguredPolicy[]
  /** Policies straight onto people. */
  readonly attachments: readonly {
    readonly username: string
    readonly policies: readonly string[]
  }[]
  readonly roles: readonly ConfiguredRole[]
  readonly credentialRoles: readonly ConfiguredCredentialRole[]
  /** What has to hold for the policies before they are put in force. */
  readonly policyTests: readonly ConfiguredPolicyTest[]
  readonly upstreams: readonly ConfiguredUpstream[]
  readonly issuers: readonly ConfiguredIssuer[]
  readonly clients: readonly ConfiguredClient[]
  readonly apis: readonly ConfiguredApi[]
  readonly webhooks: readonly ConfiguredWebhook[]
  readonly receivers: readonly ConfiguredReceiver[]
  readonly throttles: { readonly address: Throttle; readonly principal: Throttle }
  readonly limits: {
    readonly headerBytes: number
    readonly headerCount: number
    readonly connections: number
    readonly requestHeaderTimeout: Millis
    readonly requestIdle: Millis
    readonly keepAlive: Millis
    readonly drain: Millis
    /** Requests under way at once. */
    readonly inFlight: number
    readonly reauthorizeEvery: Millis
    readonly shedding: Shedding
  }
  /** Threads that serve. */
  readonly workers: number
  readonly log: { readonly level: 'debug' | 'info' | 'warn' | 'error' }
  /** Each value with where it came from; read it through `effectiveValues`. */
  readonly effective: readonly EffectiveValue[]
}

export type SigningAlgorithm = 'ES256' | 'RS256'

export interface Listener {
  readonly address: string
  /** 0 is any free port. */
  readonly port: number
}

export interface PublicListenerSettings extends Listener {
  readonly tls: ConfiguredTls | undefined
  readonly proxyProtocol: { readonly from: readonly string[] } | undefined
  /** HTTP/2 without TLS, by prior knowledge. */
  readonly h2c: boolean
  /** Callers that have ended their side of a connection over HTTP/1.x are answered. */
  readonly halfClose: boolean
}

export interface ConfiguredTls {
  /** At least one; the first is for callers that name no host, or one that no certificate is for. */
  readonly certificates: readonly ConfiguredCertificate[]
  readonly minVersion: '1.2' | '1.3'
  readonly ciphers: string | undefined
  readonly clientCertificates:
    | {
        /** PEM of at least one authority. */
        readonly ca: string
        readonly mode: 'request' | 'require'
      }
    | undefined
}

export interface ConfiguredCertificate {
  /** As it was written, for messages. */
  readonly file: string
  /** PEM. */
  readonly cert: string
  /** PEM. */
  readonly key: Secret
}

/** Pages of ours: an origin and the path they live under. */
export interface Site {
  readonly origin: string
  /** Without port. */
  readonly hostname: string
  /** Empty, or a path without a slash at its end. */
  readonly basePath: string
}

/** A token bucket. */
export interface Throttle {
  /** Requests per second. */
  readonly rate: number
  readonly burst: number
}

export interface ConfiguredPerson {
  readonly username: string
  readonly name: string
  readonly groups: readonly string[]
  /** Name of a policy. */
  readonly boundary: string | undefined
  readonly tags: Tags
}

/** Values by name; names differ in more than case. */
export type Tags = Readonly<Record<string, string>>

export interface ConfiguredGroup {
  readonly name: string
  readonly description: string
  readonly policies: readonly string[]
  /** Beside the rules for everybody. */
  readonly authenticators: AuthenticatorLimits | undefined
}

export interface ConfiguredPolicy {
  readonly name: string
  readonly document: PolicyDocument
  /** `file:line` of each statement, in their order. */
  readonly places: readonly string[]
}

export interface ConfiguredRole {
  readonly name: string
  readonly description: string
  readonly trust: ConfiguredPolicy
  /** Names of policies. */
  readonly policies: readonly string[]
  readonly boundary: string | undefined
  readonly automatic: boolean
  readonly maxSession: Millis
  readonly tags: Readonly<Record<string, string>>
}

/** A passkey that is for these roles and nothing else. */
export interface ConfiguredCredentialRole {
  /** Its id. */
  readonly credential: string
  readonly roles: readonly string[]
  readonly until: Instant | undefined
}

/** How an upstream is spoken to. */
export type UpstreamProtocol = 'http1' | 'h2' | 'auto'

export interface ConfiguredUpstream {
  readonly name: string
  readonly protocol: UpstreamProtocol
  /** Whether it is told about callers by `Forwarded` too. */
  readonly forwarded: boolean
  /** At least one. */
  readonly targets: readonly ConfiguredTarget[]
  readonly balance: 'round-robin' | 'least-pending' | 'weighted' | 'sticky'
  /** The `Host` header; that of each target's URL when absent. */
  readonly host: string | undefined
  readonly allowPrivateAddresses: boolean
  readonly timeouts: {
    readonly connect: Millis
    readonly headers: Millis
    readonly idle: Millis
    /** For a free connection. */
    readonly queue: Millis
    /** For the whole exchange; without end when absent. */
    readonly total: Millis | undefined
  }
  /** To each target. */
  readonly maxConnections: number
  /** Requests that may wait for one, at each target. */
  readonly maxPending: number
  readonly health:
    | {
        readonly path: string
        readonly interval: Millis
        readonly timeout: Millis
        readonly healthyAfter: number
        readonly unhealthyAfter: number
        /** First and last good status. */
        readonly expect: readonly [number, number]
      }
    | undefined
  readonly ejection:
    | {
        readonly failures: number
        readonly errorAnswers: number | undefined
        readonly base: Millis
        /** Percent. */
        readonly maxEjected: number
      }
    | undefined
  readonly retries:
    | {
        /** Retries per request, 0 to 1. */
        readonly share: number
        readonly perRequest: number
      }
    | undefined
  /** How often names are looked up again. */
  readonly addressRefresh: Millis
  readonly tls: ConfiguredUpstreamTls | undefined
}

export interface ConfiguredTarget {
  /** Names it for people: its origin, or `unix:` and a path. */
  readonly label: string
  /** Canonical: scheme, host and port, nothing else. */
  readonly origin: string
  readonly scheme: 'http' | 'https'
  /** Without brackets when it is an IPv6 address. */
  readonly hostname: string
  readonly port: number
  /** Of a unix socket, which is then connected to instead. */
  readonly socketPath: string | undefined
  readonly weight: number
  /** Used only while no other can be. */
  readonly backup: boolean
}

/** Contents of the files, not their names. */
export interface ConfiguredUpstreamTls {
  readonly ca: string | undefined
  readonly identity: { readonly cert: string; readonly key: Secret } | undefined
  readonly serverName: string | undefined
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
  readonly skipVerification: boolean
  /** Differs when any of the files does. */
  readonly fingerprint: string | undefined
}

export interface ConfiguredIssuer {
  readonly name: string
  readonly issuer: string
  readonly audiences: readonly string[]
  readonly algorithms: readonly SigningAlgorithm[]
  readonly requiredScopes: readonly string[]
  readonly groupsClaim: string
  readonly usernameClaim: string
  /** That its people are of. */
  readonly account: string
  /** What stands before their names in ARNs. */
  readonly namespace: string | undefined
  /** Claims that conditions can see. */
  readonly conditionClaims: readonly string[]
  readonly allowHttp: boolean
}

export interface ConfiguredClient {
  readonly id: string
  readonly name: string
  readonly redirectUris: readonly string[]
  readonly postLogoutRedirectUris: readonly string[]
  /** Absent exactly for public clients. */
  readonly secret: Secret | undefined
  readonly firstParty: boolean
  readonly scopes: readonly string[]
}

export interface ConfiguredApi {
  readonly name: string
  readonly origin: string
  /** Host and, when it is not the scheme's own, port: what a canonical `Host` header says. */
  readonly authority: string
  readonly hostname: string
  readonly upstream: string
  readonly stage: string
  readonly audience: string
  readonly signingAlgorithm: SigningAlgorithm
  readonly authorizer: Authorizer
  /** What is attached to the API itself. */
  readonly resourcePolicy: ConfiguredPolicy | undefined
  /** For answers where no route was found. */
  readonly cors: Cors | undefined
  readonly routes: readonly ConfiguredRoute[]
}

/** Who vouches for callers. */
export type Authorizer =
  | { readonly kind: 'proofgate' }
  | { readonly kind: 'open' }
  | { readonly kind: 'issuer'; readonly issuer: string }

export interface ConfiguredRoute {
  readonly method: string
  /** As written. */
  readonly path: string
  /** None for `/`. */
  readonly segments: readonly PathSegment[]
  readonly authorizer: Authorizer
  readonly proof: ConfiguredProof | undefined
  readonly throttle: { readonly route: Throttle | undefined; readonly principal: Throttle }
  /** Absent where connections do not change protocols. */
  readonly websocket: WebSocketLimits | undefined
  readonly streams: StreamLimits
  readonly priority: Priority
  readonly maxBody: number
  /** Until the response headers. */
  readonly timeout: Millis
  /** Until the end of the answer; `undefined` for the upstream's. */
  readonly totalTimeout: Millis | undefined
  readonly tags: Tags
  /** Request headers and query parameters that conditions can see. */
  readonly conditionHeaders: readonly string[]
  readonly conditionQuery: readonly string[]
  readonly features: RouteFeatures
}

/** What is refused last and first under overload. */
export type Priority = 'high' | 'normal' | 'low'

/** When new requests are refused. */
export interface Shedding {
  readonly eventLoopDelay: Millis
  /** A share of 1. */
  readonly memory: number
}

/** How long something may go on that was decided on once. */
export interface StreamLimits {
  readonly maxAge: Millis
  readonly idle: Millis
  /** Whether it goes on after the token it was opened with expired. */
  readonly outlivesToken: boolean
}

export interface WebSocketLimits extends StreamLimits {
  /** Longest message from the caller in bytes. */
  readonly maxMessage: number | undefined
}

export type PathSegment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'parameter'; readonly name: string }
  /** One or more segments; only at the end. */
  | { readonly kind: 'rest'; readonly name: string }

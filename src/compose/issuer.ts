import type { AuditEntry } from '../audit/index.ts'
import { randomId } from '../core/index.ts'
import type { Configuration } from '../config/index.ts'
import { describeScopes } from '../login/index.ts'
import { issuerOnDemand } from '../oidc/index.ts'
import type { Issuer, IssuerPages, IssuerParts, TokenIssued } from '../oidc/index.ts'
import {
  deviceConfirmPage,
  deviceDonePage,
  devicePage,
  errorPage,
  logoutPage,
  signedOutPage,
} from '../pages/index.ts'
import { checkSessionPolicy } from '../roles/index.ts'
import type { Areas } from './areas.ts'

/** The issuer for one configuration, with the keys there are when it is first asked for something. */
export function buildIssuer(
  configuration: Configuration,
  areas: Areas,
  more: Pick<
    IssuerParts,
    'currentSession' | 'endBrowserSession' | 'onServerError' | 'onWrongUserCode'
  > & {
    cookieKey: string
  },
): Issuer {
  const { tokens } = configuration
  return issuerOnDemand(
    () => ({
      issuer: configuration.identity.issuer,
      audiences: configuration.apis.map((api) => ({
        identifier: api.audience,
        algorithm: api.signingAlgorithm,
      })),
      clients: configuration.clients.map((client) => ({
        ...client,
        public: client.secret === undefined,
      })),
      accessLifetime: tokens.accessLifetime,
      idLifetime: tokens.idLifetime,
      refreshLifetime: tokens.refreshLifetime,
      sessionLifetime: configuration.sessions.absolute,
      algorithm: tokens.algorithm,
      keys: areas.keys.privateJwks().keys,
      cookieKey: more.cookieKey,
      roles: configuration.roles.map(({ name, maxSession }) => ({
        name,
        maximumSession: maxSession,
      })),
    }),
    {
      ...more,
      store: areas.providerObjects,
      clock: areas.clock,
      people: areas.people,
      directory: areas.directory,
      grants: areas.grants,
      pages: issuerPages(configuration.identity.basePath),
      recordIssued: (token) => areas.record(issuedEntry(token)),
      checkSessionPolicy,
    },
  )
}

function issuedEntry(token: TokenIssued): AuditEntry {
  return {
    id: randomId(),
    kind: 'token',
    action: 'token.issue',
    outcome: 'success',
    reason: 'token.issued',
    who: {
      subject: token.subject,
      session: token.session,
      client: token.client,
      token: token.token,
    },
    what: {
      audience: token.audience,
      grant: token.grantType,
      ...(token.role === undefined ? {} : { role: token.role }),
      ...(token.isNarrowed ? { narrowed: true } : {}),
    },
  }
}

function issuerPages(base: string): IssuerPages {
  return {
    deviceCode: (view) => devicePage({ base, ...view }),
    deviceConfirm: ({ scopes, ...view }) =>
      deviceConfirmPage({ base, ...view, scopes: describeScopes(scopes) }),
    deviceDone: (outcome) => deviceDonePage({ base, outcome }),
    logout: (view) => logoutPage({ base, ...view }),
    signedOut: () => signedOutPage({ base }),
    failure: (view) =>
      errorPage({
        base,
        status: 400,
        code: `oidc.${view.error}`,
        requestId: view.requestId,
        explanation: view.description,
      }),
  }
}

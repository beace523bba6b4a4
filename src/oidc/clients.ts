import type { ClientMetadata } from 'oidc-provider'
import type { Secret } from '../core/index.ts'
import { roleScope } from './role-scope.ts'
import type { TakeableRole } from './role-scope.ts'

/** The scope that lets a token call APIs; without it a token says who somebody is and nothing more. */
export const invokeScope = 'invoke'

/** The client id of the command line. */
export const commandLineClientId = 'proofgate-cli'

/** An OAuth client as the configuration declares it. */
export interface ClientDeclaration {
  readonly id: string
  readonly name: string
  readonly redirectUris: readonly string[]
  readonly postLogoutRedirectUris: readonly string[]
  readonly secret: Secret | undefined
  /** Runs on the person's machine or in their browser: it has no secret and its tokens are bound by DPoP. */
  readonly public: boolean
  /** Ours: no consent page. */
  readonly firstParty: boolean
  readonly scopes: readonly string[]
}

const codeFlow = ['authorization_code', 'refresh_token']

export function clientMetadata(client: ClientDeclaration): ClientMetadata {
  return {
    client_id: client.id,
    client_name: client.name,
    redirect_uris: [...client.redirectUris],
    post_logout_redirect_uris: [...client.postLogoutRedirectUris],
    grant_types: codeFlow,
    response_types: ['code'],
    application_type: isNative(client) ? 'native' : 'web',
    scope: ['openid', 'profile', 'groups', 'offline_access', ...client.scopes]
      .filter((scope, index, all) => all.indexOf(scope) === index)
      .join(' '),
    dpop_bound_access_tokens: client.public,
    ...(client.secret === undefined
      ? { token_endpoint_auth_method: 'none' }
      : {
          token_endpoint_auth_method: 'client_secret_basic',
          client_secret: client.secret.reveal(),
        }),
  }
}

/** RFC 8252: a loopback redirect with any port, PKCE, and keys instead of a secret. */
export function commandLineClient(roles: readonly TakeableRole[]): ClientMetadata {
  return {
    client_id: commandLineClientId,
    client_name: 'Proofgate command line',
    redirect_uris: ['http://127.0.0.1/callback', 'http://[::1]/callback'],
    grant_types: [...codeFlow, 'urn:ietf:params:oauth:grant-type:device_code'],
    response_types: ['code'],
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    dpop_bound_access_tokens: true,
    scope: ['openid profile groups offline_access', invokeScope]
      .concat(roles.map(({ name }) => roleScope(name)))
      .join(' '),
  }
}

/** Clients that need no consent page: the command line and those the configuration marks. */
export function isFirstParty(
  settings: { readonly clients: readonly { readonly id: string; readonly firstParty: boolean }[] },
  clientId: string,
): boolean {
  if (clientId === commandLineClientId) return true
  return settings.clients.some((client) => client.id === clientId && client.firstParty)
}

function isNative(client: ClientDeclaration): boolean {
  return client.public && client.redirectUris.some((uri) => uri.startsWith('http://'))
}

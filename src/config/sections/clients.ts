import { Secret } from '../../core/index.ts'
import type { Draft } from '../draft.ts'
import type { ConfiguredClient } from '../model.ts'
import { quote } from '../problems.ts'
import type { Path } from '../problems.ts'
import { readFlag } from '../scalars.ts'
import { isLocalhostName, isLoopback, withoutBrackets } from './addresses.ts'

const shortestSecret = 16
const reservedPrefix = 'proofgate-'

type ClientShape = Draft['shape']['clients'][number]

export function resolveClients(draft: Draft): ConfiguredClient[] {
  const seen = new Set<string>()
  return draft.shape.clients.map((client, index) => {
    const path: Path = ['clients', index]
    checkId(draft, [...path, 'id'], client.id, seen)
    for (const key of ['redirectUris', 'postLogoutRedirectUris'] as const) {
      for (const [item, uri] of client[key].entries())
        checkRedirect(draft, [...path, key, item], uri)
    }
    for (const [item, scope] of client.scopes.entries()) {
      checkScope(draft, [...path, 'scopes', item], scope)
    }
    if (client.name === undefined) draft.derive([...path, 'name'], client.id)
    return {
      id: client.id,
      name: client.name ?? client.id,
      redirectUris: client.redirectUris,
      postLogoutRedirectUris: client.postLogoutRedirectUris,
      secret: resolveSecret(draft, path, client),
      firstParty: readFlag(client.firstParty),
      scopes: client.scopes,
    }
  })
}

const roleScope = 'role:'

/** A scope `role:NAME` lets the client take a role for people who agree. */
function checkScope(draft: Draft, path: Path, scope: string): void {
  if (!scope.startsWith(roleScope)) return
  const role = scope.slice(roleScope.length)
  if (Object.hasOwn(draft.shape.roles, role)) return
  draft.report(path, {
    code: 'config.unknown-role',
    message: `found the role ${quote(role)}, expected one of those under \`roles\``,
    hint: 'Write role: and the name of a role.',
  })
}

function checkId(draft: Draft, path: Path, id: string, seen: Set<string>): void {
  const isReserved = id.startsWith(reservedPrefix)
  if (isReserved || seen.has(id)) {
    draft.report(path, {
      code: 'config.client-id',
      message: isReserved
        ? `found ${quote(id)}, expected an id that does not begin with ${reservedPrefix}`
        : `found ${quote(id)} a second time, expected each client once`,
      hint: 'Choose another id.',
    })
  }
  seen.add(id)
}

/** RFC 9700 2.1: redirect URIs are compared exactly, so they must be exact. */
function checkRedirect(draft: Draft, path: Path, uri: string): void {
  const fault = redirectFault(uri)
  if (fault === undefined) return
  draft.report(path, {
    code: 'config.client-redirect',
    message: `found ${quote(uri)}, expected ${fault}`,
    hint: 'Write each URI out in full; http only for http://127.0.0.1, http://[::1] or localhost.',
  })
}

function redirectFault(uri: string): string | undefined {
  const url = URL.parse(uri)
  if (url === null) return 'an absolute URL'
  if (uri.includes('*')) return 'no wildcard'
  if (uri.includes('#')) return 'no fragment'
  if (url.username !== '' || url.password !== '') return 'no user'
  const hostname = withoutBrackets(url.hostname)
  const isLocal = isLoopback(hostname) || isLocalhostName(hostname)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLocal)) {
    return 'https, or http on loopback'
  }
  return url.href === uri || url.href === `${uri}/` ? undefined : `the canonical ${quote(url.href)}`
}

function resolveSecret(draft: Draft, path: Path, client: ClientShape): Secret | undefined {
  const { secret } = client
  const isPublic = readFlag(client.public)
  const at = [...path, 'secret']
  if (secret === undefined) {
    if (!isPublic && !draft.says(at)) {
      draft.report(path, {
        code: 'config.secret-missing',
        message: `found no secret for ${quote(client.id)}, expected one, or \`public: true\``,
        hint: 'Write `secret: ${NAME}` and set the variable.',
      })
    }
    return undefined
  }
  checkSecret(draft, at, secret)
  if (isPublic) {
    draft.report(
      at,
      {
        code: 'config.secret-unused',
        message: 'found a secret for a public client, expected none',
        hint: 'Remove the secret, or `public: true`.',
      },
      'key',
    )
  }
  return new Secret(secret)
}

function checkSecret(draft: Draft, path: Path, secret: string): void {
  if (secret === '') {
    draft.report(path, {
      code: 'config.secret-empty',
      message: 'found an empty secret, expected a random one',
      hint: 'Make one with: openssl rand -base64 32',
    })
  } else if (secret.length < shortestSecret) {
    draft.report(path, {
      code: 'config.secret-short',
      message: `found a secret of ${secret.length} characters, expected at least ${shortestSecret}`,
      hint: 'Make one with: openssl rand -base64 32',
    })
  }
}

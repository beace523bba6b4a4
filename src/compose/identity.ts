import { millis, toSeconds } from '../core/index.ts'
import type { Configuration } from '../config/index.ts'
import type { IdentitySettings } from '../login/index.ts'
import type { Areas } from './areas.ts'

/** What the sign-in pages have to know of the configuration. */
export function identitySettings(configuration: Configuration): IdentitySettings {
  const { identity, relyingParty, tokens } = configuration
  return {
    origin: identity.origin,
    base: identity.basePath,
    relyingPartyName: relyingParty.name,
    relyingPartyId: relyingParty.id,
    apis: configuration.apis.map((api) => ({ name: api.name, origin: api.origin })),
    audiences: configuration.apis.map((api) => api.audience),
    refreshLifetime: millis(tokens.refreshLifetime),
    clients: configuration.clients,
    consoleOrigin: configuration.console.origin,
    restrictedCredentials: new Set(
      configuration.credentialRoles.map(({ credential }) => credential),
    ),
    passkeys: configuration.passkeys,
    recovery: configuration.recovery,
    hsts: identity.hsts === undefined ? undefined : `max-age=${toSeconds(identity.hsts)}`,
  }
}

export interface FirstEnrolment {
  readonly username: string
  readonly link: string
}

/** Nobody has a passkey yet: the first person of the configuration gets a link. */
export async function firstEnrolment(areas: Areas): Promise<FirstEnrolment | undefined> {
  const { configuration, credentials, directory, people } = areas
  const [first] = configuration().people
  if (first === undefined || (await credentials.count()) > 0) return undefined
  const person = await people.loadByUsername(first.username)
  const ticket = person === undefined ? undefined : await directory.invite(person)
  if (person === undefined || ticket === undefined || !('secret' in ticket)) return undefined
  const { origin, basePath } = configuration().identity
  return { username: person.username, link: `${origin}${basePath}/enrol/${ticket.secret}` }
}

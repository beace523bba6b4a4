import type { Draft } from './draft.ts'
import type { Configuration, Site } from './model.ts'
import { quote } from './problems.ts'
import type { Path } from './problems.ts'
import { placeApis, resolveApis } from './sections/apis.ts'
import type { PlacedApi } from './sections/apis.ts'
import type { TestedParts } from './policy-tests/parse.ts'
import { resolvePolicyTests } from './policy-tests/resolve.ts'
import { resolveAuthenticators } from './sections/authenticators.ts'
import { resolveClients } from './sections/clients.ts'
import { resolveIssuers } from './sections/issuers.ts'
import { resolveListeners } from './sections/listeners.ts'
import { identityPath, resolveOrigins } from './sections/origins.ts'
import type { Origin, Origins } from './sections/origins.ts'
import { resolvePeople } from './sections/people.ts'
import { lintConfigured } from './sections/access/lint.ts'
import { resolvePolicies } from './sections/policies.ts'
import type { PolicyFiles } from './sections/access/documents.ts'
import { warnOfRoles } from './sections/access/role-warnings.ts'
import { resolvePasskeys } from './sections/access/passkeys.ts'
import { resolveRoles } from './sections/access/roles.ts'
import { readDuration } from './scalars.ts'
import { resolveFiles, resolveSettings, resolveSwitches } from './sections/settings.ts'
import { checkTlsOrigins } from './sections/tls.ts'
import { resolveReceivers } from './sections/signals/receivers.ts'
import { resolveWebhooks } from './sections/signals/webhooks.ts'
import { resolveUpstreams } from './sections/upstreams.ts'
import { versionsOf } from './values.ts'

/** What only the caller knows about where a configuration comes from. */
export interface Provenance {
  readonly file: string | undefined
  /** Grows while policy files are read. */
  readonly files: readonly string[]
  /** The port callers use, when it is not the one of the listener. */
  readonly publishedPort: number | undefined
}

/**
 * Makes the configuration from its shape and reports everything that does not fit together. `undefined`
 * when there are problems, those from before included: never half a configuration.
 */
export function resolveConfiguration(
  draft: Draft,
  policyFiles: PolicyFiles,
  provenance: Provenance,
): Configuration | undefined {
  const { shape } = draft
  const listeners = resolveListeners(draft, policyFiles)
  const published = { ...listeners.public, port: provenance.publishedPort ?? listeners.public.port }
  const settings = resolveSettings(draft)
  const switches = resolveSwitches(draft)
  const files = resolveFiles(draft, policyFiles.base)
  const people = { ...resolvePeople(draft), ...resolveKeys(draft, policyFiles) }
  const policies = resolvePolicies(draft, policyFiles)
  const roles = resolveRoles(draft, policyFiles)
  const issuers = resolveIssuers(draft)
  const others = resolveOthers(draft, policyFiles)
  const origins = resolveOrigins(draft, published)
  const placed = origins === undefined ? [] : placeApis(draft, origins)
  if (origins !== undefined) checkHsts(draft, origins.identity)
  checkTlsOrigins(draft, listeners.public.tls, servedOrigins(draft, origins, placed))
  const own = {
    listeners: [listeners.public, listeners.admin],
    origins: ownOrigins(origins, placed),
  }
  const upstreams = resolveUpstreams(draft, own, policyFiles)
  const apis =
    origins === undefined ? [] : resolveApis(draft, { origins, placed, files: policyFiles })
  const judged = judgePolicies(draft, policyFiles, {
    ...settings,
    ...people,
    ...roles,
    issuers,
    apis,
  })
  if (origins === undefined) return undefined
  if (draft.problems.size > 0) return undefined
  warnOfRoles(draft, { ...policies, ...roles, issuers, account: shape.account })
  return deepFreeze({
    ...versionsOf(draft.effective),
    file: provenance.file,
    files: [...provenance.files],
    ...files,
    ...switches,
    listeners,
    singleOrigin: origins.single,
    identity: identityOf(origins.identitySite, shape.identity),
    console: origins.consoleSite,
    relyingParty: { id: origins.relyingPartyId, name: shape.relyingParty.name },
    ...settings,
    ...people,
    ...policies,
    ...roles,
    ...judged,
    upstreams,
    issuers,
    apis,
    ...others,
    effective: draft.listEffective(),
  })
}

/** Which passkeys people have, and for how long. */
function resolveKeys(
  draft: Draft,
  files: PolicyFiles,
): Pick<Configuration, 'authenticators' | 'passkeys' | 'recovery'> {
  return { ...resolveAuthenticators(draft, files), ...resolvePasskeys(draft) }
}

/** Clients, and who is told of events. */
function resolveOthers(
  draft: Draft,
  files: PolicyFiles,
): Pick<Configuration, 'clients' | 'webhooks' | 'receivers'> {
  return {
    clients: resolveClients(draft),
    webhooks: resolveWebhooks(draft, files),
    receivers: resolveReceivers(draft, files),
  }
}

function ownOrigins(origins: Origins | undefined, placed: readonly PlacedApi[]): Origin[] {
  const pages = origins === undefined ? [] : [origins.identity, origins.console]
  return [...pages, ...placed.map((api) => api.origin)]
}

function identityOf(
  site: Site,
  { hsts }: { readonly hsts?: string | undefined },
): Configuration['identity'] {
  return {
    ...site,
    issuer: `${site.origin}${site.basePath}`,
    hsts: hsts === undefined ? undefined : readDuration(hsts),
  }
}

/** Lints them, and reads what is expected of them. */
function judgePolicies(
  draft: Draft,
  files: PolicyFiles,
  parts: TestedParts,
): Pick<Configuration, 'policyTests'> {
  lintConfigured(draft, parts)
  return { policyTests: resolvePolicyTests(draft, files, parts) }
}

/** Browsers heed the header over https only (RFC 6797 8.1). */
function checkHsts(draft: Draft, identity: Origin): void {
  if (draft.shape.identity.hsts === undefined || identity.scheme === 'https') return
  draft.report(['identity', 'hsts'], {
    code: 'config.hsts',
    message: `found HSTS for ${quote(identity.origin)}, expected an https origin`,
    hint: 'Set up TLS first, here or in front.',
  })
}

/** Every origin callers reach at our listener, with where it is written. */
function servedOrigins(
  draft: Draft,
  origins: Origins | undefined,
  placed: readonly PlacedApi[],
): { readonly origin: Origin; readonly path: Path }[] {
  if (origins === undefined) return []
  const sites = origins.single
    ? [{ origin: origins.identity, path: identityPath(draft) }]
    : [
        { origin: origins.identity, path: identityPath(draft) },
        { origin: origins.console, path: ['console', 'origin'] },
      ]
  const apis = placed
    .filter(({ origin }) => sites.every((site) => site.origin.origin !== origin.origin))
    .map(({ name, origin }) => ({ origin, path: ['apis', name, 'host'] }))
  return [...sites, ...apis]
}

/** Freezes plain objects and lists all the way down; objects of classes guard themselves. */
function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!Array.isArray(value) && prototype !== null && prototype !== Object.prototype) return value
  for (const member of Object.values(value)) deepFreeze(member)
  return Object.freeze(value)
}

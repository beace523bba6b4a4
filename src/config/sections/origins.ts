import { addressFamily } from '../../core/index.ts'
import type { Draft } from '../draft.ts'
import type { Listener, Site } from '../model.ts'
import { quote } from '../problems.ts'
import type { Path } from '../problems.ts'
import { isLocalhostName, withoutBrackets } from './addresses.ts'

export interface Origin {
  readonly origin: string
  readonly scheme: 'http' | 'https'
  /** Without brackets. */
  readonly hostname: string
  /** Host and, when it is not the scheme's own, port. */
  readonly authority: string
  /** The port that is dialled. */
  readonly port: number
}

/** The origins everything else hangs on. */
export interface Origins {
  readonly single: boolean
  readonly identity: Origin
  readonly console: Origin
  readonly identitySite: Site
  readonly consoleSite: Site
  readonly relyingPartyId: string
  /** The host an only API has without saying one. */
  readonly defaultApiHost: string
}

const defaultDomain = 'proofgate.localhost'
const identityBasePath = '/.proofgate'

/** Derives what was not written, and checks origins and RP ID against each other. */
export function resolveOrigins(draft: Draft, listener: Listener): Origins | undefined {
  checkEither(draft)
  return draft.shape.origin === undefined
    ? originsOfDomain(draft, listener)
    : originsOfOne(draft, draft.shape.origin)
}

function originsOfOne(draft: Draft, written: string): Origins | undefined {
  const whole = readOrigin(draft, ['origin'], written)
  if (whole === undefined) return undefined
  checkNoOther(draft, whole)
  return {
    single: true,
    identity: whole,
    console: whole,
    identitySite: site(whole, identityBasePath),
    consoleSite: site(whole, `${identityBasePath}/console`),
    relyingPartyId: resolveRelyingParty(draft, whole, undefined),
    defaultApiHost: whole.authority,
  }
}

function originsOfDomain(draft: Draft, listener: Listener): Origins | undefined {
  const domain = draft.shape.domain ?? defaultDomain
  draft.note(['domain'], domain)
  const identity = siteOrigin(draft, 'identity', 'auth', domain, listener)
  const console = siteOrigin(draft, 'console', 'console', domain, listener)
  if (identity === undefined || console === undefined) return undefined
  return {
    single: false,
    identity,
    console,
    identitySite: site(identity, ''),
    consoleSite: site(console, ''),
    relyingPartyId: resolveRelyingParty(draft, identity, domain),
    defaultApiHost: authorityOn(`api.${domain}`, domainPort(draft, domain, listener)),
  }
}

function checkEither(draft: Draft): void {
  if (draft.shape.origin === undefined || draft.shape.domain === undefined) return
  draft.report(
    ['domain'],
    {
      code: 'config.origin-and-domain',
      message: 'found both `origin` and `domain`, expected one of them',
      hint: '`origin` puts everything on one host, `domain` gives each part a host below it.',
    },
    'key',
  )
}

function site(origin: Origin, basePath: string): Site {
  return { origin: origin.origin, hostname: origin.hostname, basePath }
}

function siteOrigin(
  draft: Draft,
  section: 'identity' | 'console',
  label: string,
  domain: string,
  listener: Listener,
): Origin | undefined {
  const written = draft.shape[section].origin
  if (written !== undefined) return readOrigin(draft, [section, 'origin'], written)
  if (draft.says([section, 'origin'])) return undefined
  const scheme = isLocalhostName(domain) && !endsTls(draft) ? 'http' : 'https'
  const port = domainPort(draft, domain, listener)
  const derived = `${scheme}://${authorityOn(`${label}.${domain}`, port)}`
  draft.derive([section, 'origin'], derived)
  return parseOrigin(derived)
}

/** Elsewhere than on localhost, what ends TLS has the usual port, unless that is us. */
function domainPort(draft: Draft, domain: string, listener: Listener): number | undefined {
  if (endsTls(draft)) return listener.port === 443 ? undefined : listener.port
  return !isLocalhostName(domain) || listener.port === 80 ? undefined : listener.port
}

/** Also while its section has problems: every address is derived as it will be. */
function endsTls(draft: Draft): boolean {
  return draft.says(['listeners', 'public', 'tls'])
}

function authorityOn(host: string, port: number | undefined): string {
  return port === undefined ? host : `${host}:${port}`
}

function readOrigin(draft: Draft, path: Path, written: string): Origin | undefined {
  const origin = parseOrigin(written)
  if (origin === undefined) {
    draft.report(path, {
      code: 'config.origin',
      message: `found ${quote(written)}, expected an origin such as https://auth.example.com`,
      hint: `No path, no slash at the end, lower-case, no default port${canonicalHint(written)}.`,
    })
    return undefined
  }
  checkSecure(draft, path, origin)
  return origin
}

function canonicalHint(written: string): string {
  const url = URL.parse(written)
  const usable = url !== null && parseOrigin(url.origin) !== undefined
  return usable ? `: ${url.origin}` : ''
}

/** Only the one canonical spelling: what is compared later is compared as text. */
export function parseOrigin(text: string): Origin | undefined {
  const url = URL.parse(text)
  if (url === null || url.origin !== text || url.hostname.endsWith('.')) return undefined
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined
  const scheme = url.protocol === 'http:' ? 'http' : 'https'
  return {
    origin: url.origin,
    scheme,
    hostname: withoutBrackets(url.hostname),
    authority: url.host,
    port: url.port === '' ? (scheme === 'http' ? 80 : 443) : Number(url.port),
  }
}

/** Cookies and WebAuthn need a secure context, and browsers only call localhost one without TLS. */
export function checkSecure(draft: Draft, path: Path, origin: Origin): void {
  if (origin.scheme === 'https' || isLocalhostName(origin.hostname)) return
  const allowed = draft.shape.dangerously_allowInsecureOrigins
  if (allowed === true || allowed === 'true') return
  draft.report(path, {
    code: 'config.insecure-origin',
    message: `found ${quote(origin.origin)}, expected https, or a host that is localhost or below it`,
    hint: 'Put TLS in front; dangerously_allowInsecureOrigins is for closed test networks only.',
  })
}

function checkNoOther(draft: Draft, whole: Origin): void {
  for (const section of ['identity', 'console'] as const) {
    const other = draft.shape[section].origin
    if (other !== undefined && other !== whole.origin) {
      draft.report([section, 'origin'], {
        code: 'config.origin-conflict',
        message: `found ${quote(other)} beside \`origin\`, expected ${whole.origin} or nothing`,
        hint: 'Use `domain` instead of `origin` to give the parts hosts of their own.',
      })
    }
    draft.derive([section, 'origin'], whole.origin)
  }
}

function resolveRelyingParty(draft: Draft, identity: Origin, domain: string | undefined): string {
  const path = ['relyingParty', 'id']
  const written = draft.shape.relyingParty.id
  const id = written ?? defaultRelyingParty(draft, identity, domain)
  if (written === undefined) draft.derive(path, id)
  const fault = relyingPartyFault(id, identity.hostname)
  if (fault !== undefined) {
    const place = draft.says(path) ? path : identityPath(draft)
    draft.report(place, { code: 'config.relying-party', ...fault })
  }
  return id
}

export function identityPath(draft: Draft): Path {
  if (draft.shape.origin !== undefined) return ['origin']
  return draft.says(['identity', 'origin']) ? ['identity', 'origin'] : ['domain']
}

function defaultRelyingParty(draft: Draft, identity: Origin, domain: string | undefined): string {
  if (domain === undefined) return identity.hostname
  const isGiven = draft.says(['domain'])
  return isGiven || identity.hostname.endsWith(`.${domain}`) ? domain : identity.hostname
}

/** WebAuthn L3 5.1.3 step 8: the RP ID equals the effective domain or is a registrable suffix of it. */
function relyingPartyFault(
  id: string,
  hostname: string,
): { readonly message: string; readonly hint: string } | undefined {
  if (addressFamily(hostname) !== 0 || addressFamily(withoutBrackets(id)) !== 0) {
    return {
      message: `found an IP address for sign-in (RP ID ${quote(id)}), expected a domain name`,
      hint: 'Passkeys are bound to names: use http://localhost:PORT or a domain.',
    }
  }
  if (id === hostname) return undefined
  const isParent = hostname.endsWith(`.${id}`) && id.includes('.') && !id.startsWith('.')
  if (isParent) return undefined
  return {
    message: `found the RP ID ${quote(id)}, expected ${hostname} or a registrable domain above it`,
    hint: 'Browsers refuse passkeys for any other RP ID; localhost only serves the host localhost itself.',
  }
}

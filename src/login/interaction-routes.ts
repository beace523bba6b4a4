import type { Provider } from 'oidc-provider'
import { epochSeconds, isRefusal } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import type { HttpExchange, RouteTable } from '../http/index.ts'
import { freshCeremonyReasons, invokeScope, isFirstParty } from '../oidc/index.ts'
import { consentPage, formActionSource } from '../pages/index.ts'
import { acrOf, amrOf } from '../session/index.ts'
import type { Session } from '../session/index.ts'
import type { Browser } from './browser.ts'
import { loginErrors } from './errors.ts'
import { describeScopes } from './scopes.ts'
import { recordAct } from './surface-parts.ts'
import type { IdentityParts } from './surface-parts.ts'

type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>
type Result = Parameters<Provider['interactionFinished']>[2]

const askedAtMember = 'ceremonyAskedAt'

/** Where the issuer sends a browser when an authorization needs the person. */
export function interactionRoutes(parts: IdentityParts, browser: Browser): RouteTable {
  return {
    'GET /interaction/{uid}': async (exchange) => {
      const interaction = await load(parts, exchange)
      if (isRefusal(interaction)) return interaction
      const session = await browser.session(exchange.request)
      if (session === undefined || needsCeremony(parts, interaction, session)) {
        await rememberAsking(parts, interaction)
        askForCeremony(parts, browser, exchange)
        return undefined
      }
      if (interaction.prompt.name === 'login') return logIn(parts, exchange, interaction, session)
      return askForConsent(parts, browser, exchange, interaction, session)
    },
    'POST /interaction/{uid}/consent': (exchange) => decideConsent(parts, browser, exchange),
  }
}

async function load(parts: IdentityParts, exchange: HttpExchange): Promise<Interaction | Refusal> {
  const provider = await parts.provider()
  try {
    const { request, response } = exchange
    const found = await provider.interactionDetails(request, response)
    if (found.uid === exchange.parameters['uid']) return found
  } catch {
    // The library throws for a missing cookie and for an interaction that has ended.
  }
  return loginErrors.refuse('interaction_ended')
}

/**
 * A session that is merely there does not answer `prompt=login`, `max_age` or a device's code: only one that
 * began after this page had asked for it does.
 */
function needsCeremony(
  { clock }: IdentityParts,
  interaction: Interaction,
  session: Session,
): boolean {
  // Whatever the library's own session says of its age.
  const maxAge = Number(interaction.params['max_age'] ?? Infinity)
  if (clock.now() - session.authenticatedAt > maxAge * 1000) return true
  const wantsFresh = interaction.prompt.reasons.some((reason) => freshCeremonyReasons.has(reason))
  const askedAt = interaction.lastSubmission?.[askedAtMember]
  return wantsFresh && !(typeof askedAt === 'number' && session.authenticatedAt > askedAt)
}

/** Kept with the interaction and by our clock: the library's counts seconds and may be set back. */
async function rememberAsking(parts: IdentityParts, interaction: Interaction): Promise<void> {
  if (interaction.lastSubmission?.[askedAtMember] !== undefined) return
  const now = parts.clock.now()
  interaction.lastSubmission = { ...interaction.lastSubmission, [askedAtMember]: now }
  await interaction.save(Math.max(1, interaction.exp - epochSeconds(now)))
}

function askForCeremony(parts: IdentityParts, browser: Browser, exchange: HttpExchange): void {
  const { base } = parts.settings()
  const back = `${base}/interaction/${exchange.parameters['uid'] ?? ''}`
  browser.redirect(exchange, `${base}/sign-in?fresh=1&return_to=${encodeURIComponent(back)}`)
}

async function logIn(
  parts: IdentityParts,
  exchange: HttpExchange,
  interaction: Interaction,
  session: Session,
): Promise<Refusal | void> {
  const login = {
    accountId: session.personId,
    acr: acrOf(session.facts),
    amr: [...amrOf(session.facts)],
    ts: epochSeconds(session.authenticatedAt),
    remember: false,
  }
  const ours = isFirstParty(parts.settings(), clientIdOf(interaction))
  const grantId = ours ? await openGrant(parts, exchange, interaction, session) : undefined
  if (isRefusal(grantId)) return grantId
  const result: Result = grantId === undefined ? { login } : { login, consent: { grantId } }
  return finish(parts, exchange, result)
}

async function askForConsent(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
  interaction: Interaction,
  session: Session,
): Promise<Refusal | void> {
  const { base } = parts.settings()
  const clientId = clientIdOf(interaction)
  if (isFirstParty(parts.settings(), clientId)) {
    const grantId = await openGrant(parts, exchange, interaction, session)
    if (isRefusal(grantId)) return grantId
    return finish(parts, exchange, { consent: { grantId } })
  }
  const person = await parts.people.load(session.personId)
  const redirectUri = textOf(interaction.params['redirect_uri'])
  const page = consentPage({
    base,
    csrf: parts.formTokens.issue(session.id),
    clientName: await clientNameOf(parts, clientId),
    redirectHost: new URL(redirectUri).host,
    scopes: describeScopes(scopesOf(interaction)),
    action: `${base}/interaction/${interaction.uid}/consent`,
    personName: person?.name ?? '',
  })
  browser.page(exchange, 200, page, { formAction: [formActionSource(redirectUri)] })
  return undefined
}

async function decideConsent(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
): Promise<Refusal | void> {
  const found = await browser.requireForm(exchange)
  if (isRefusal(found)) return found
  const details = await loadForConsent(parts, exchange)
  if (isRefusal(details)) return details
  if (found.fields.get('decision') !== 'allow') {
    return finish(parts, exchange, {
      error: 'access_denied',
      error_description: 'the person did not allow it',
    })
  }
  const grantId = await openGrant(parts, exchange, details, found.session)
  if (isRefusal(grantId)) return grantId
  return finish(parts, exchange, { consent: { grantId } })
}

/** The interaction's cookie is scoped to its page, so the form below it carries it too. */
async function loadForConsent(
  parts: IdentityParts,
  exchange: HttpExchange,
): Promise<Interaction | Refusal> {
  const interaction = await load(parts, exchange)
  if (isRefusal(interaction)) return interaction
  return interaction.prompt.name === 'consent'
    ? interaction
    : loginErrors.refuse('interaction_ended')
}

/** Grants what was asked for, and opens the session that the grant's tokens will name. */
async function openGrant(
  parts: IdentityParts,
  exchange: HttpExchange,
  interaction: Interaction,
  session: Session,
): Promise<string | Refusal> {
  const provider = await parts.provider()
  const clientId = clientIdOf(interaction)
  const grant = new provider.Grant({ accountId: session.personId, clientId })
  const scopes = scopesOf(interaction)
  grant.addOIDCScope(scopes.join(' '))
  const resources = scopes.includes(invokeScope) ? resourcesOf(parts, interaction) : []
  for (const resource of resources) grant.addResourceScope(resource, invokeScope)
  const grantId = await grant.save()
  const clientName = await clientNameOf(parts, clientId)
  const isOpen = await parts.grants.open(grantId, session, {
    clientId,
    clientName,
    address: exchange.address,
    lifetime: parts.settings().refreshLifetime,
  })
  if (!isOpen) return loginErrors.refuse('sign_in_required')
  const person = await parts.people.load(session.personId)
  if (person !== undefined) {
    await recordAct(parts, {
      kind: 'session',
      action: 'session.grant',
      person,
      session,
      address: exchange.address,
      what: { client: clientId, scopes },
    })
  }
  return grantId
}

async function finish(parts: IdentityParts, exchange: HttpExchange, result: Result): Promise<void> {
  const { request, response } = exchange
  const provider = await parts.provider()
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true })
}

function resourcesOf(parts: IdentityParts, interaction: Interaction): readonly string[] {
  const asked = interaction.params['resource']
  if (typeof asked === 'string') return [asked]
  if (Array.isArray(asked)) return asked.filter((one): one is string => typeof one === 'string')
  return parts.settings().audiences
}

function scopesOf(interaction: Interaction): string[] {
  return textOf(interaction.params['scope'])
    .split(' ')
    .filter((scope) => scope !== '')
}

function clientIdOf(interaction: Interaction): string {
  return textOf(interaction.params['client_id'])
}

async function clientNameOf(parts: IdentityParts, clientId: string): Promise<string> {
  const provider = await parts.provider()
  const client = await provider.Client.find(clientId)
  return client?.clientName ?? clientId
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

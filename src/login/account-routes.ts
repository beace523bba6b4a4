import { isRefusal } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import { parseReturnTo, sendJson } from '../http/index.ts'
import type { Handler, HttpExchange, RouteTable } from '../http/index.ts'
import {
  countUsable,
  identityErrors,
  keyFacts,
  parseDisplayName,
  wantedCount,
} from '../identity/index.ts'
import type { CredentialId, Person } from '../identity/index.ts'
import { accountPage, enrolPage, signedOutPage } from '../pages/index.ts'
import type { Session, SessionId } from '../session/index.ts'
import { authenticatorName } from '../webauthn/index.ts'
import type { Browser, SentForm } from './browser.ts'
import { loginErrors } from './errors.ts'
import { isRestricted, recordAct, signalOf } from './surface-parts.ts'
import type { IdentityParts } from './surface-parts.ts'

interface Acting extends SentForm {
  readonly exchange: HttpExchange
}

/** What a form's work answers beside `ok`. */
interface Done {
  readonly redirect?: string
  readonly signal?: { rpId: string; userHandle: string; credentialIds: readonly string[] }
}

/** The account page and what can be done on it. Every change is a POST with a token from the page. */
export function accountRoutes(parts: IdentityParts, browser: Browser): RouteTable {
  const form =
    (work: (acting: Acting) => Promise<Done | Refusal>, forAnyone = false): Handler =>
    async (exchange) => {
      const found = await browser.requireForm(exchange)
      if (isRefusal(found)) return found
      if (!forAnyone && isRestricted(parts, found.session.facts.credentialId)) {
        return loginErrors.refuse('credential_restricted')
      }
      const done = await work({ exchange, ...found })
      if (isRefusal(done)) return done
      answer(browser, exchange, `${parts.settings().base}/account`, done)
      return undefined
    }
  return {
    'GET /account': (exchange) => showAccount(parts, browser, exchange),
    'GET /enrol': (exchange) => showAdd(parts, browser, exchange),
    'POST /account/credentials/{id}/rename': form((acting) => rename(parts, acting)),
    'POST /account/credentials/{id}/remove': form((acting) => remove(parts, acting)),
    'POST /account/sessions/{id}/end': form((acting) => endSession(parts, browser, acting)),
    'POST /account/sessions/end-all': form((acting) => endAll(parts, browser, acting)),
    'POST /sign-out': form((acting) => signOut(parts, browser, acting), true),
    'GET /signed-out': (exchange) =>
      browser.page(exchange, 200, signedOutPage({ base: parts.settings().base })),
  }
}

function answer(browser: Browser, exchange: HttpExchange, home: string, done: Done): void {
  if ((exchange.request.headers.accept ?? '').includes('application/json')) {
    sendJson(exchange.response, 200, { ok: true, ...done })
  } else {
    browser.redirect(exchange, done.redirect ?? home)
  }
}

async function showAccount(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
): Promise<void> {
  const { base } = parts.settings()
  const found = await browser.requireSession(exchange)
  if (isRefusal(found)) {
    browser.redirect(exchange, `${base}/sign-in?return_to=${encodeURIComponent(`${base}/account`)}`)
    return
  }
  const { session, person } = found
  const credentials = await parts.credentials.listFor(person.id)
  const sessions = await parts.sessions.listFor(person.id)
  const page = accountPage({
    base,
    csrf: parts.formTokens.issue(session.id),
    alarmed: session.facts.sealed === true,
    person: {
      name: person.name,
      username: person.username,
      groups: parts.directory.groupsOf(person),
    },
    credentials: credentials.map((credential) => ({
      id: credential.id,
      name: credential.name,
      ...optional('hint', authenticatorName(credential.aaguid)),
      createdAt: credential.createdAt,
      ...optional('lastUsedAt', credential.lastUsedAt),
      synced: credential.backupEligible,
      ...optional('suspendedSince', credential.suspension?.since),
      emergencies: credential.sealedAt !== undefined,
      removable: credentials.some(
        ({ id, suspension }) => id !== credential.id && suspension === undefined,
      ),
    })),
    sessions: sessions.map((one) => ({
      id: one.id,
      kind: one.kind === 'pending' ? 'browser' : one.kind,
      name: one.kind === 'api' ? `${one.name} at ${one.audience ?? ''}` : one.name,
      createdAt: one.createdAt,
      lastSeenAt: one.lastSeenAt,
      address: one.address,
      current: one.id === session.id,
    })),
  })
  browser.longPage(exchange, page)
}

async function showAdd(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
): Promise<Refusal | void> {
  const { base, relyingPartyName } = parts.settings()
  const found = await browser.requireSession(exchange)
  const asked = exchange.query.get('return_to')
  if (isRefusal(found)) {
    const back = `${base}/enrol`
    browser.redirect(exchange, `${base}/sign-in?return_to=${encodeURIComponent(back)}`)
    return undefined
  }
  const { session, person } = found
  if (isRestricted(parts, session.facts.credentialId)) {
    return loginErrors.refuse('credential_restricted')
  }
  const own = await parts.credentials.listFor(person.id)
  const wanted = wantedCount(parts.settings().passkeys, parts.directory.groupsOf(person))
  const page = enrolPage({
    base,
    mode: 'signed-in',
    ...(asked === null ? {} : { returnTo: parseReturnTo(asked, `${base}/account`) }),
    ...(countUsable(own) < wanted ? { wanted } : {}),
    csrf: parts.formTokens.issue(session.id),
    personName: person.name,
    username: person.username,
    rpName: relyingPartyName,
    hasCredentials: true,
    suitable: parts.ceremonies.wantedKey(person),
  })
  browser.page(exchange, 200, page)
  return undefined
}

async function rename(parts: IdentityParts, acting: Acting): Promise<Done | Refusal> {
  const name = parseDisplayName(acting.fields.get('name') ?? '')
  if (isRefusal(name)) return name
  const id = acting.exchange.parameters['id'] as CredentialId
  const outcome = await parts.credentials.rename(id, acting.person.id, name)
  if (outcome === 'unknown') return identityErrors.refuse('unknown_credential')
  await recordAct(parts, {
    ...actorOf(acting),
    kind: 'identity',
    action: 'credential.rename',
    what: { credential: id, name },
  })
  return signalOf(parts, acting.person)
}

async function remove(parts: IdentityParts, acting: Acting): Promise<Done | Refusal> {
  if (!parts.sessions.hasFreshProof(acting.session)) return loginErrors.refuse('proof_required')
  const id = acting.exchange.parameters['id'] as CredentialId
  const credential = await parts.credentials.load(id)
  const outcome = await parts.credentials.remove(id, acting.person.id, {
    allowLast: false,
    now: parts.clock.now(),
  })
  if (outcome === 'last') return identityErrors.refuse('last_credential')
  if (outcome === 'unknown' || credential === undefined) {
    return identityErrors.refuse('unknown_credential')
  }
  parts.revocations.refresh()
  await recordAct(parts, {
    ...actorOf(acting),
    kind: 'identity',
    action: 'credential.remove',
    what: keyFacts(credential),
  })
  return signalOf(parts, acting.person)
}

async function endSession(
  parts: IdentityParts,
  browser: Browser,
  acting: Acting,
): Promise<Done | Refusal> {
  const id = acting.exchange.parameters['id'] as SessionId
  const own = await parts.sessions.listFor(acting.person.id)
  if (!own.some((session) => session.id === id)) return loginErrors.refuse('unknown_session')
  await parts.sessions.end(id)
  await recordAct(parts, {
    ...actorOf(acting),
    kind: 'session',
    action: 'session.end',
    what: { ended: id },
  })
  if (id !== acting.session.id) return {}
  browser.forgetSession(acting.exchange.response)
  return { redirect: `${parts.settings().base}/signed-out` }
}

async function endAll(parts: IdentityParts, browser: Browser, acting: Acting): Promise<Done> {
  const count = await parts.sessions.endAll(acting.person.id)
  await recordAct(parts, {
    ...actorOf(acting),
    kind: 'session',
    action: 'session.end_all',
    what: { count },
  })
  browser.forgetSession(acting.exchange.response)
  return { redirect: `${parts.settings().base}/signed-out` }
}

async function signOut(parts: IdentityParts, browser: Browser, acting: Acting): Promise<Done> {
  await parts.sessions.end(acting.session.id)
  await recordAct(parts, { ...actorOf(acting), kind: 'session', action: 'session.sign_out' })
  browser.forgetSession(acting.exchange.response)
  return { redirect: `${parts.settings().base}/signed-out` }
}

function actorOf(acting: Acting): { person: Person; session: Session; address: string } {
  return { person: acting.person, session: acting.session, address: acting.exchange.address }
}

function optional<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): Partial<Record<Key, Value>> {
  return value === undefined ? {} : ({ [key]: value } as Partial<Record<Key, Value>>)
}

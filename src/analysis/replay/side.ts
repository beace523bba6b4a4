import { actingOf, decideExactly, surveyOf } from './acting.ts'
import { policyRequestOf } from '../../gateway/index.ts'
import { locate, supposedPrincipal } from '../explain/access-view.ts'
import { supposedContext } from '../explain/supposition.ts'
import type { Principal } from '../../gateway/index.ts'
import type { AccessView, ViewedApi, ViewedRoute } from '../explain/access-view.ts'
import type { Person } from '../../identity/index.ts'
import { outlookOf, textOfStatement } from '../../policy/index.ts'
import type { CompiledStatement, Decision, Survey } from '../../policy/index.ts'
import type { RecordedRequest } from './recorded.ts'

/** A configuration as far as decisions can be repeated under it. */
export interface Setting {
  readonly view: AccessView
  readonly version: string
  /** Version of the language that a policy is written in. */
  readonly languageOf: (policy: string) => string
}

/** Why a configuration says nothing about a recorded request. */
export type Missing =
  /** No route takes the request any more. */
  | 'noRoute'
  /** The caller is not there any more, or disabled. */
  | 'noCaller'
  /** Another issuer vouched for the caller, and their groups are not recorded. */
  | 'external'

/** What is answered, with what decides. */
export interface Verdict {
  readonly effect: 'allow' | 'deny'
  readonly reason: string
  /** The statement that decides. */
  readonly by: () => CompiledStatement | undefined
}

export interface Answer {
  /** `undefined` where it depends on what was not recorded. */
  readonly verdict: Verdict | undefined
  /** Of what can decide; absent where no policy does. */
  readonly survey: (() => Survey) | undefined
  /** What a statement says, with everything known that its variables could stand for. */
  readonly textOf: (statement: CompiledStatement) => string
}

function noStatement(): undefined {
  return undefined
}

const unauthenticated: Verdict = {
  effect: 'deny',
  reason: 'gateway.unauthenticated',
  by: noStatement,
}
const notHeld: Verdict = { effect: 'deny', reason: 'policy.role_not_held', by: noStatement }
const open: Verdict = { effect: 'allow', reason: 'gateway.open_route', by: noStatement }

const mostPrincipals = 10_000

/** Decides on recorded requests under one configuration. */
export class Side {
  readonly #setting: Setting
  readonly #people: ReadonlyMap<string, Person>
  readonly #apis: ReadonlyMap<string, string>
  readonly #principals = new Map<string, Principal>()
  readonly #texts = new WeakMap<CompiledStatement, string>()

  constructor(setting: Setting, people: ReadonlyMap<string, Person>) {
    this.#setting = setting
    this.#people = people
    this.#apis = new Map([...setting.view.apis].map(([authority, { name }]) => [name, authority]))
  }

  get version(): string {
    return this.#setting.version
  }

  /** APIs are found by name, because their hosts may change. */
  answer(request: RecordedRequest): Answer | Missing {
    const authority = this.#apis.get(request.api)
    if (authority === undefined) return 'noRoute'
    const { view } = this.#setting
    const found = locate(view, request.method, `http://${authority}${request.path}`)
    if ('reason' in found) return 'noRoute'
    const { api, route } = found
    const isOpen = route.authorizer.kind === 'open'
    if (isOpen && api.resourcePolicy === undefined) return this.#certain(open)
    const principal = isOpen ? view.principals.anonymous : this.#principalOf(request, route)
    if (typeof principal === 'string') return principal
    if (principal === undefined) return this.#certain(unauthenticated)
    return this.#decided(request, { api, route, principal })
  }

  #certain(verdict: Verdict): Answer {
    return { verdict, survey: undefined, textOf: textOfStatement }
  }

  /** `undefined` for who could not be known at this route. */
  #principalOf(
    { caller, at, credential, assumedRole: role }: RecordedRequest,
    { authorizer }: ViewedRoute,
  ): Principal | Missing | undefined {
    if (caller.kind === 'external') return authorizer.kind === 'issuer' ? 'external' : undefined
    if (caller.kind === 'anonymous' || authorizer.kind === 'issuer') return undefined
    const person = this.#people.get(caller.id)
    if (person === undefined || person.disabled) return 'noCaller'
    const key = JSON.stringify([person.id, credential, role])
    const known = this.#principals.get(key)
    if (known !== undefined) return known
    const principal = supposedPrincipal(this.#setting.view, person, at, { credential, role })
    if (this.#principals.size >= mostPrincipals) this.#principals.clear()
    this.#principals.set(key, principal)
    return principal
  }

  #decided(
    recorded: RecordedRequest,
    place: {
      readonly api: ViewedApi
      readonly route: ViewedRoute
      readonly principal: Principal
    },
  ): Answer {
    const { api } = place
    const resource = `${api.arnPrefix}${recorded.method}${recorded.path}`
    const incoming = {
      address: recorded.address,
      receivedAt: recorded.at,
      request: { headers: {}, rawHeaders: [] },
      peer: {},
    }
    const call = { incoming, ...place, target: { query: '' } }
    const supposition = { facts: recorded.facts, open: 'sign-in' } as const
    const acting = actingOf(this.#setting.view, place.principal, { call, supposition })
    const asked = policyRequestOf(resource, call, acting.principal)
    const request = { ...asked, context: supposedContext(asked.context, supposition) }
    const seen = once(() => surveyOf(acting, request))
    const facts = { principal: acting.principal, route: place.route }
    const decision = decideExactly(acting, request)
    const verdict = decision === undefined ? verdictOf(seen()) : verdictBy(decision, seen)
    return { verdict, survey: seen, textOf: (statement) => this.#textOf(statement, facts) }
  }

  #textOf(
    statement: CompiledStatement,
    { principal, route }: { readonly principal: Principal; readonly route: ViewedRoute },
  ): string {
    const plain = this.#texts.get(statement) ?? this.#plainText(statement)
    if (!plain.startsWith('$')) return plain
    const { groups, tags, subject, username } = principal
    const tagsOfRoute = [...(route.conditions?.tags ?? [])]
    return JSON.stringify([plain, groups, [...tags], subject, username, tagsOfRoute])
  }

  /** Begins with `$` when what it says depends on who asks for what. */
  #plainText(statement: CompiledStatement): string {
    const { role, kind, policy } = statement
    const trust =
      role === undefined ? undefined : this.#setting.view.principals.mandates.roles.get(role)?.trust
    const all = [...(kind === 'trust' ? [] : [statement]), ...(trust?.statements ?? [])]
    const said = [kind === 'trust', ...all.map(textOfStatement)].join('\n')
    const text = all.some(hasVariables) ? `$${this.#setting.languageOf(policy)} ${said}` : said
    this.#texts.set(statement, text)
    return text
  }
}

function hasVariables({ conditions, resource }: CompiledStatement): boolean {
  return (
    conditions.some(({ values }) => values.some((value) => value.includes('${'))) ||
    resource.patterns.some(({ fixed }) => fixed === undefined)
  )
}

function verdictBy(decision: Decision | 'role_not_held', seen: () => Survey): Verdict {
  if (decision === 'role_not_held') return notHeld
  return { effect: decision.effect, reason: decision.reason, by: () => deciding(decision, seen) }
}

/** The statement that a decision names. */
function deciding(
  { policy, ...named }: Decision,
  seen: () => Survey,
): CompiledStatement | undefined {
  if (policy === undefined) return undefined
  return statementsOf(seen()).find(
    (one) =>
      one.policy === policy &&
      one.label === named.statement &&
      one.kind === named.kind &&
      one.role === named.role,
  )
}

/** All statements that have a say in it, or may. */
export function statementsOf(seen: Survey): readonly CompiledStatement[] {
  return [...seen.denies, ...(seen.named ?? []), ...seen.grants.flatMap(({ own }) => own)].map(
    ({ statement }) => statement,
  )
}

/** What has to be answered, whatever the facts are that were not recorded. */
export function verdictOf(seen: Survey): Verdict | undefined {
  const { allowed, allows, denies } = outlookOf(seen)
  if (allowed === 'maybe') return undefined
  if (allowed === 'yes') {
    const by = allows.find(({ applies }) => applies === 'yes')?.statement
    return { effect: 'allow', reason: 'policy.allowed', by: () => by }
  }
  const by = denies.find(({ applies }) => applies === 'yes')?.statement
  if (by !== undefined) return { effect: 'deny', reason: 'policy.explicit_deny', by: () => by }
  return { effect: 'deny', reason: 'policy.no_statement_allows', by: noStatement }
}

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined
  return () => (made ??= { value: make() }).value
}

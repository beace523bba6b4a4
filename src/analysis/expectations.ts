import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Instant } from '../core/index.ts'
import { answerRequest } from './explain/explain.ts'
import type { AccessView } from './explain/access-view.ts'
import type { DecidedBy, SupposedAnswer } from './explain/explain.ts'
import type { SupposedFacts } from './explain/supposition.ts'
import type { Person, PersonId } from '../identity/index.ts'

/** A person, with groups besides those of the configuration, and in a role if they took one. */
export interface TestedCaller {
  readonly username: string
  readonly groups: readonly string[]
  readonly role: string | undefined
}

/** A request that nobody sent. */
export interface TestedCall {
  /** Nobody known when absent. */
  readonly who: TestedCaller | undefined
  readonly request: { readonly method: string } & (
    | { readonly url: string }
    | { readonly api: string; readonly path: string }
  )
  /** In place of what the gateway would find; the rest is as after a sign-in just now. */
  readonly facts: SupposedFacts
  /** Now when absent. */
  readonly at: Instant | undefined
}

/** What the answer has to be. */
export interface Expectation extends TestedCall {
  readonly expect: 'allow' | 'deny'
  /** `[ROLE/]POLICY[/STATEMENT]` that decided, or the code of the reason. */
  readonly by: string | undefined
}

/** What the answer is, and by what; without a route when none takes the request. */
export type Found = SupposedAnswer

/** How long the process may be kept from its other work at a time, in ms. */
const longestTurn = 5

/** The answers to all calls, in their order. Lets the process do other work between them. */
export async function answersTo(
  view: AccessView,
  calls: readonly TestedCall[],
  now: Instant,
): Promise<readonly Found[]> {
  const answers: Found[] = []
  let begun = performance.now()
  for (const call of calls) {
    answers.push(answerTo(view, call, now))
    if (performance.now() - begun < longestTurn) continue
    await nextTurn()
    begun = performance.now()
  }
  return answers
}

function answerTo(view: AccessView, { who, request, facts, at }: TestedCall, now: Instant): Found {
  const url = 'url' in request ? request.url : urlOf(view, request)
  if (url === undefined) {
    return {
      answer: 'deny',
      reason: 'gateway.unknown_host',
      decidedBy: undefined,
      route: undefined,
    }
  }
  return answerRequest(view, {
    method: request.method,
    url,
    person: who === undefined ? undefined : supposedPerson(who, at ?? now),
    address: '127.0.0.1',
    now: at ?? now,
    supposition: { facts },
    signIn: { role: who?.role },
  })
}

function urlOf(
  { apis }: AccessView,
  { api, path }: { readonly api: string; readonly path: string },
): string | undefined {
  const found = [...apis.values()].find(({ name }) => name === api)
  return found === undefined ? undefined : `${found.origin}${path}`
}

/** Somebody of whom nothing counts but the name and the groups. */
function supposedPerson({ username, groups }: TestedCaller, createdAt: Instant): Person {
  const id = `supposed-${username}` as PersonId
  return { id, username, name: username, groups, userHandle: '', disabled: false, createdAt }
}

/**
 * Whether the answer is the one expected.
 *
 * Invariant: a request that no route takes, or a fact that cannot be read, is denied too; a test that expects
 * a denial passes with such a one only if it says so, or a slip of the pen would keep it passing for ever.
 */
export function isAsExpected(found: Found, { expect, by }: Expectation): boolean {
  if (found.answer !== expect) return false
  if (by === undefined) return found.answer === 'allow' || isJudged(found)
  return by === found.reason || namesOf(found.decidedBy).includes(by)
}

function isJudged({ route, reason }: Found): boolean {
  return route !== undefined && reason !== 'policy.evaluation_failed'
}

function namesOf(decidedBy: DecidedBy | undefined): readonly string[] {
  if (decidedBy === undefined) return []
  const { role, policy, statement } = decidedBy
  const names = [policy, `${policy}/${statement}`]
  return role === undefined ? names : [...names, ...names.map((name) => `${role}/${name}`)]
}

/** Whether two answers differ in what they say, or in what decided. */
export function differs(one: Found, other: Found): boolean {
  return one.answer !== other.answer || byOf(one) !== byOf(other)
}

function byOf({ reason, decidedBy }: Found): string {
  return JSON.stringify([reason, decidedBy?.role, decidedBy?.policy, decidedBy?.statement])
}

/** `allow by staff/Write (policies/staff.json:7)`, `deny (policy.no_statement_allows)`. */
export function answerText({ answer, reason, decidedBy }: Found): string {
  if (decidedBy === undefined) return `${answer} (${reason})`
  const { role, policy, statement, place } = decidedBy
  const name = `${role === undefined ? '' : `${role}/`}${policy}/${statement}`
  return `${answer} by ${name}${place === undefined ? '' : ` (${place})`}`
}

export function expectationText({ expect, by }: Expectation): string {
  return by === undefined ? expect : `${expect} by ${by}`
}

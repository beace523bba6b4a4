import { parseResource } from '../value/arn.ts'
import type { CompiledSelection } from '../compile.ts'
import { isValueProblem } from '../document/problem.ts'
import { lintClosedDoors } from './closed-doors.ts'
import { matches } from './coverage.ts'
import { intersects, placesOf, unitsOf, anyRun } from './globs.ts'
import type { Effort } from './globs.ts'
import type { Reach } from './reach.ts'
import type { Findings, Subject } from './subject.ts'

/** Judges what a statement is about: its actions and resources. */
export function lintStatement(
  subject: Subject,
  { reach, effort }: { readonly reach: Reach | undefined; readonly effort: Effort },
  findings: Findings,
): void {
  const { effect, action, resource } = subject.compiled
  if (effect === 'Allow' && action.inverted) {
    findings.add(subject, ['NotAction'], {
      code: 'policy.warn_not_action',
      message: 'the Allow is for every action but the ones named, also those that do not exist yet',
      hint: 'write the actions that are meant into Action',
    })
  }
  // What bounds, or is attached to an API or a role, may well be about everything.
  if (effect === 'Allow' && !resource.inverted && subject.compiled.kind === 'identity') {
    lintBreadth(subject, resource, effort, findings)
  }
  lintReach(subject, { reach, effort }, findings)
}

/** What selects every resource that a request can be for. */
const everyCall = ['arn:aws:execute-api:*', 'arn:aws:execute-api:*:*:*'].map((text) =>
  parseResource(text, false),
)

function lintBreadth(
  subject: Subject,
  { element, patterns }: CompiledSelection,
  effort: Effort,
  findings: Findings,
): void {
  const broad = patterns.find((pattern) =>
    everyCall.some((every) => !isValueProblem(every) && matches(pattern, every, effort)),
  )
  if (broad === undefined) return
  findings.add(subject, [element], {
    code: 'policy.warn_every_resource',
    message: `the Allow is for every API, also those that are added later (${broad.source})`,
    hint: 'name the API: arn:aws:execute-api:REGION:ACCOUNT:API/*',
  })
}

/** What requests are asked about; also that of taking a role. */
const actions = ['execute-api:', 'sts:'].map((service) => [...unitsOf(service), anyRun])

function lintReach(
  subject: Subject,
  { reach, effort }: { readonly reach: Reach | undefined; readonly effort: Effort },
  findings: Findings,
): void {
  const { effect, action, resource } = subject.compiled
  const never = effect === 'Deny' ? 'the Deny can never fire' : 'the Allow can never apply'
  const isKnown = action.patterns.some((pattern) =>
    actions.some((known) => intersects(placesOf(pattern), known, effort)),
  )
  if (!action.inverted && !isKnown) {
    findings.add(subject, [action.element], {
      code: 'policy.warn_never_applies',
      message: `${never}: no request has such an action`,
      hint: 'calling an API is execute-api:Invoke',
    })
    return
  }
  const isLost =
    reach !== undefined &&
    !resource.inverted &&
    !resource.patterns.some((pattern) => reach.includesSomeOf(pattern, effort))
  if (!isLost) {
    lintClosedDoors(subject, { reach, effort }, findings)
    return
  }
  findings.add(subject, [resource.element], {
    code: 'policy.warn_never_applies',
    message: `${never}: no route that asks policies has such a resource`,
    hint: 'mend region, account, API, stage, method or path; `proofgate check` lists the routes',
  })
}

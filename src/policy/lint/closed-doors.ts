import type { Pattern } from '../value/pattern.ts'
import type { Effort } from './globs.ts'
import type { Reach } from './reach.ts'
import type { Findings, Subject } from './subject.ts'

/** Where a value that selects nothing leaves a door open: what a Deny denies, and what an Allow leaves out. */
export function lintClosedDoors(
  subject: Subject,
  { reach, effort }: { readonly reach: Reach | undefined; readonly effort: Effort },
  findings: Findings,
): void {
  const { effect, resource } = subject.compiled
  if ((effect === 'Allow') !== resource.inverted) return
  const lost = resource.patterns.find(
    (pattern) => isNowhere(pattern) || !isReached(pattern, reach, effort),
  )
  if (lost === undefined) return
  const closed =
    effect === 'Deny' ? 'the Deny denies nothing by' : 'the Allow leaves out nothing by'
  findings.add(subject, [resource.element], {
    code: 'policy.warn_no_such_resource',
    message: `${closed} ${lost.source}: no request is for such a resource`,
    hint: isNowhere(lost)
      ? 'resources here begin with arn:aws:'
      : 'mend region, account, API, stage, method or path; `proofgate check` lists the routes',
  })
}

const beginning = /^arn:(?<partition>[^:*?]+):(?<service>[a-z0-9-]+):/

/** Those of AWS. APIs here are all in the first. */
const partitions = /^aws(?:-cn|-us-gov|-eusc|-iso(?:-[a-z])?)?$/

function isNowhere({ source }: Pattern): boolean {
  const { partition, service } = beginning.exec(source)?.groups ?? {}
  if (partition === undefined || partition === 'aws') return false
  return service === 'execute-api' || !partitions.test(partition)
}

/** Policies may well name what other services have. */
function isReached(pattern: Pattern, reach: Reach | undefined, effort: Effort): boolean {
  const isOurs = beginning.exec(pattern.source)?.groups?.['service'] === 'execute-api'
  return reach === undefined || !isOurs || reach.includesSomeOf(pattern, effort)
}

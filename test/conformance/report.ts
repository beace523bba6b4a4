import { visible } from './case.ts'
import { judgements, judgementsOn } from './judgements.ts'
import type { Judgement } from './judgements.ts'
import { caseOf, dissenters } from './outcomes.ts'
import type { Compared, Outcome, Recorded } from './outcomes.ts'

export const reportFile = new URL('http-framing.md', import.meta.url)

/** The table for people: every case that the proxies do not agree on, under the judgement on it. */
export function printReport({ versions, outcomes }: Recorded): string {
  const disputed = [...outcomes].filter(([, compared]) => dissenters(compared).length > 0)
  const names = Object.keys(outcomes.values().next().value ?? {})
  const judged = judgements.map((judgement) => printJudgement(judgement, disputed, names))
  return `# How four proxies read the same requests

Made by \`node test/conformance/differential.ts\` from [corpus.ts](corpus.ts) and [judgements.ts](judgements.ts); do not edit.

${Object.entries(versions)
  .map(([name, version]) => `${name} ${version}`)
  .join(
    ', ',
  )} and Proofgate, each in front of a service that writes down every byte. Of ${outcomes.size} cases, ${outcomes.size - disputed.length} reach the service in the same way through all four (mostly not at all). The other ${disputed.length} are below. A cell says what was answered, what became of the connection, and what reached the service; only the last decides whether two proxies agree.

${judged.join('\n')}`
}

function printJudgement(
  judgement: Judgement,
  disputed: readonly (readonly [string, Compared])[],
  names: readonly string[],
): string {
  const { title, right, section, why } = judgement
  const rows = disputed
    .filter(([id]) => judgementsOn(id).includes(judgement))
    .map(([id, compared]) => {
      const cells = names.map((name) => printOutcome(compared[name]))
      return `| \`${id}\` | ${[escaped(caseOf(id)?.note ?? ''), ...cells].join(' | ')} |`
    })
  return `## ${title}

Right: ${right}. ${section}. ${why}

| case | what is sent | ${names.join(' | ')} |
| ${['---', '---', ...names.map(() => '---')].join(' | ')} |
${rows.join('\n')}
`
}

function printOutcome(outcome: Outcome | undefined): string {
  if (outcome === undefined) return ''
  const { statuses, connection, seen, leaked, odd } = outcome
  const parts = [`${statuses.join(', ') || 'no answer'}, ${connection}`]
  if (seen.length === 0) parts.push('nothing')
  for (const one of seen) parts.push(escaped(one))
  if (leaked.length > 0) parts.push(`with ${escaped(leaked.join(', '))}`)
  for (const one of odd) parts.push(`odd: ${escaped(one)}`)
  return parts.join('; ')
}

function escaped(text: string): string {
  const plain = visible(text).replaceAll('|', ' + ').replaceAll('`', "'")
  return plain === '' ? '' : `\`${plain}\``
}

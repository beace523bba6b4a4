/** The page that a saved run leaves in the documentation: where and when, and every table. */
import type { Entry } from './history.ts'
import { NOISY_SHARE } from './machine.ts'
import { saturated } from './report.ts'
import type { Report } from './report.ts'
import type { Row } from './section.ts'

/** Markdown; written by `npm run bench -- --save` and not by hand. */
export function resultsPage(report: Report, entry: Entry): string {
  const ratios = Object.entries(report.ratios).map(([name, ratio]): Row => ({
    name,
    figures: { ratio: ratio.toFixed(2) },
  }))
  const tables = [saturated(report.subjects), ...report.sections, { title: 'Ratios', rows: ratios }]
  return (
    [
      '# Results of the last saved run',
      `Written by \`npm run bench -- --save\`; [Performance](../performance.md) explains what the figures mean.`,
      placeOf(entry),
      '![CPU time per request by subject](ratios.svg)',
      ...tables.flatMap(({ title, rows }) => [`## ${title}`, tableOf(rows)]),
      '',
    ]
      .join('\n\n')
      .trimEnd() + '\n'
  )
}

function placeOf({ date, commit, cores, cpu, node, usedByOthers }: Entry): string {
  const share = `Other programs used ${(usedByOthers * 100).toFixed(0)} % of the machine meanwhile`
  const caution =
    usedByOthers > NOISY_SHARE
      ? ', so that waiting times and requests per second say little; CPU per request and the ratios of it hold better.'
      : '.'
  return `${date.slice(0, 10)}, commit ${commit}, ${cores} × ${cpu}, Node ${node}. ${share}${caution}`
}

function tableOf(rows: readonly Row[]): string {
  const columns = [...new Set(rows.flatMap(({ figures }) => Object.keys(figures)))]
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    line([' ', ...columns]).replace('|   |', '| |'),
    line(['---', ...columns.map(() => '---:')]),
    ...rows.map(({ name, figures }) =>
      line([name, ...columns.map((column) => String(figures[column] ?? ''))].map(escapeCell)),
    ),
  ].join('\n')
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
}

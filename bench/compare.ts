/**
 * How the ratios changed: `node bench/compare.ts [--span 5]` puts the latest run (`bench/results/latest.json`,
 * or else the last line of the history) beside the median of the runs saved before on such a machine.
 */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { changesOf, entryOf, readHistory } from './history.ts'
import { NOISY_SHARE } from './machine.ts'
import type { Report } from './report.ts'

const LATEST = fileURLToPath(new URL('results/latest.json', import.meta.url))

const { values } = parseArgs({ options: { span: { type: 'string', default: '5' } } })
const history = readHistory()
const last = history.at(-1)
const latest = existsSync(LATEST)
  ? entryOf(JSON.parse(readFileSync(LATEST, 'utf8')) as Report)
  : last
if (latest === undefined) throw new Error('nothing was measured yet: npm run bench')
const isSaved = JSON.stringify(latest.ratios) === JSON.stringify(last?.ratios)
const earlier = isSaved ? history.slice(0, -1) : history
const changes = changesOf(earlier, latest, Number(values.span))
const width = Math.max(0, ...changes.map(({ name }) => name.length))
for (const { name, before, now, percent } of changes) {
  const sign = percent > 0 ? '+' : ''
  console.log(`${name.padEnd(width)}  ${before} -> ${now}  ${sign}${percent} %`)
}
if (latest.usedByOthers > NOISY_SHARE) {
  console.log(`other programs used ${Math.round(latest.usedByOthers * 100)} % of the machine`)
}
if (changes.length === 0) console.log('no earlier run on such a machine to compare with')

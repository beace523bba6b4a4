/** The picture of a run: CPU per request of each subject as bars, for light and dark pages. */
import type { Entry } from './history.ts'
import type { Report } from './report.ts'

const WIDTH = 720
const LABEL_WIDTH = 220
const ROW_HEIGHT = 30
const BAR_HEIGHT = 16
const TOP = 56
const BOTTOM = 36
const BAR_ROOM = WIDTH - LABEL_WIDTH - 190

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .small { font-size: 11px; fill: #59636e }
  .title { font-size: 15px; font-weight: 600 }
  .ours { fill: #0969da } .other { fill: #afb8c1 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9198a1 } .ours { fill: #4493f8 } .other { fill: #656c76 }
  }`

/** Bars are relative to the cheapest subject, because microseconds are those of one machine. */
export function drawRatios({ subjects }: Report, entry: Entry): string {
  const sorted = subjects.toSorted(
    (one, other) => one.cpuMicrosPerRequest - other.cpuMicrosPerRequest,
  )
  const least = sorted[0]?.cpuMicrosPerRequest ?? 1
  const most = sorted.at(-1)?.cpuMicrosPerRequest ?? 1
  const rows = sorted.map(({ name, cpuMicrosPerRequest }, index) => {
    const y = TOP + index * ROW_HEIGHT
    const length = Math.max(1, (cpuMicrosPerRequest / most) * BAR_ROOM)
    const kind = name.startsWith('proofgate') ? 'ours' : 'other'
    const label = `${cpuMicrosPerRequest.toFixed(0)} µs, ${(cpuMicrosPerRequest / least).toFixed(1)} ×`
    return [
      `<text x="${LABEL_WIDTH - 12}" y="${y + 13}" text-anchor="end">${escapeXml(name)}</text>`,
      `<rect class="${kind}" x="${LABEL_WIDTH}" y="${y}" width="${length.toFixed(1)}" height="${BAR_HEIGHT}" rx="2"/>`,
      `<text x="${(LABEL_WIDTH + length + 8).toFixed(1)}" y="${y + 13}">${label}</text>`,
    ].join('\n')
  })
  const height = TOP + sorted.length * ROW_HEIGHT + BOTTOM
  const source = `${entry.date.slice(0, 10)}, ${entry.commit}, ${entry.cores} × ${entry.cpu}, Node ${entry.node}`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="CPU time per request by subject">`,
    `<style>${STYLE}\n</style>`,
    `<text class="title" x="12" y="24">CPU time per request; less is better</text>`,
    `<text class="small" x="12" y="42">saturated, closed loop, median of the rounds of one run</text>`,
    ...rows,
    `<text class="small" x="12" y="${height - 12}">${escapeXml(source)}</text>`,
    '</svg>',
    '',
  ].join('\n')
}

export function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

/** From a CPU profile to a tree of stacks, to self times by area, and to a flame graph. Pure. */
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CpuProfile } from './inspector.ts'
import { escapeXml } from './ratios-svg.ts'

/** One function in one stack, with everything it calls. */
export interface Frame {
  readonly name: string
  /** `src/gateway`, `node`, `packages`, `runtime`. */
  readonly area: string
  /** Microseconds in it and below. */
  total: number
  /** Microseconds in it alone. */
  self: number
  readonly children: Map<string, Frame>
}

const ROOT = '(root)'
const IDLE = '(idle)'

/** Stacks that are alike become one; what is idle is left out. */
export function fold(profile: CpuProfile, repository: string): Frame {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const parents = new Map(
    profile.nodes.flatMap((node) =>
      (node.children ?? []).map((child) => [child, node.id] as const),
    ),
  )
  const micros = new Map<number, number>()
  profile.samples.forEach((id, at) => {
    micros.set(id, (micros.get(id) ?? 0) + Math.max(0, profile.timeDeltas[at] ?? 0))
  })
  const root: Frame = { name: ROOT, area: 'runtime', total: 0, self: 0, children: new Map() }
  for (const [id, spent] of micros) {
    const stack: CpuProfile['nodes'][number]['callFrame'][] = []
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      stack.unshift(nodes.get(at)!.callFrame)
    }
    if (stack.at(-1)?.functionName !== IDLE) add(root, stack.slice(1), spent, repository)
  }
  return root
}

function add(
  root: Frame,
  stack: readonly CpuProfile['nodes'][number]['callFrame'][],
  spent: number,
  repository: string,
): void {
  let at = root
  at.total += spent
  for (const { functionName, url, lineNumber } of stack) {
    const area = areaOf(functionName, url, repository)
    const file = url.slice(url.lastIndexOf('/') + 1)
    const name = functionName === '' ? `(anonymous) ${file}:${lineNumber + 1}` : functionName
    const key = `${name} ${url}`
    const known = at.children.get(key)
    const child = known ?? { name, area, total: 0, self: 0, children: new Map<string, Frame>() }
    if (known === undefined) at.children.set(key, child)
    child.total += spent
    at = child
  }
  at.self += spent
}

/** The folder below `src/`, or where else a function is from. */
export function areaOf(functionName: string, url: string, repository: string): string {
  if (functionName === '(garbage collector)') return 'garbage collection'
  if (url.startsWith('node:')) return 'node'
  if (!url.startsWith('file:')) return 'runtime'
  const path = relative(repository, fileURLToPath(url))
  if (path.includes('node_modules/')) return 'packages'
  const [top, area] = path.split('/')
  return top === 'src' || top === 'dist' ? `src/${area?.replace(/\.[jt]s$/, '')}` : 'packages'
}

/** Microseconds of self time by area, most first. */
export function selfByArea(root: Frame): readonly (readonly [area: string, micros: number])[] {
  const sums = new Map<string, number>()
  const visit = (frame: Frame): void => {
    sums.set(frame.area, (sums.get(frame.area) ?? 0) + frame.self)
    for (const child of frame.children.values()) visit(child)
  }
  visit(root)
  return [...sums].filter(([, micros]) => micros > 0).sort(([, one], [, other]) => other - one)
}

/** Microseconds of self time by function, most first. */
export function selfByFunction(root: Frame): readonly (readonly [name: string, micros: number])[] {
  const sums = new Map<string, number>()
  const visit = (frame: Frame): void => {
    const name = `${frame.name}  ${frame.area}`
    sums.set(name, (sums.get(name) ?? 0) + frame.self)
    for (const child of frame.children.values()) visit(child)
  }
  visit(root)
  return [...sums].sort(([, one], [, other]) => other - one)
}

const WIDTH = 1200
const ROW = 17
const HEAD = 54
/** Narrower frames are not drawn: nobody could read them. */
const NARROWEST = 1
const CHARACTER_WIDTH = 6.4
const DEEPEST = 60

const HUES: readonly (readonly [prefix: string, hue: number])[] = [
  ['src/gateway', 210],
  ['src/audit', 150],
  ['src/token', 280],
  ['src/upstream', 185],
  ['src/policy', 330],
  ['src/', 235],
  ['node', 40],
  ['garbage', 0],
]

/** Each function as wide as its share of the samples, callees above... below their callers. */
export function drawFlame(root: Frame, source: string): string {
  const shapes: string[] = []
  const depth = draw(root, { at: 0, level: 0, total: root.total }, shapes)
  const height = HEAD + (depth + 1) * ROW + 12
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="ui-monospace, monospace" font-size="11">`,
    `<style>text { fill: #1f2328 } .head { font: 600 15px system-ui, sans-serif } .small { font: 12px system-ui, sans-serif; fill: #59636e } rect { stroke: #fff; stroke-width: .5 } .f { fill: #111 } @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .small { fill: #9198a1 } rect { stroke: #0d1117 } .f { fill: #111 } }</style>`,
    `<text class="head" x="8" y="22">Where an authorized request spends its time</text>`,
    `<text class="small" x="8" y="42">${escapeXml(source)}</text>`,
    ...shapes,
    '</svg>',
    '',
  ].join('\n')
}

function draw(
  frame: Frame,
  place: { readonly at: number; readonly level: number; readonly total: number },
  shapes: string[],
): number {
  const { at, level, total } = place
  const width = (frame.total / total) * WIDTH
  if (width < NARROWEST || level > DEEPEST) return level - 1
  const x = (at / total) * WIDTH
  const y = HEAD + level * ROW
  const percent = ((frame.total / total) * 100).toFixed(1)
  const room = Math.floor((width - 6) / CHARACTER_WIDTH)
  const label = frame.name.length <= room ? frame.name : frame.name.slice(0, Math.max(0, room - 1))
  const text =
    room < 3
      ? ''
      : `<text class="f" x="${(x + 3).toFixed(1)}" y="${y + 12}">${escapeXml(label)}</text>`
  shapes.push(
    `<g><title>${escapeXml(`${frame.name}, ${frame.area}, ${percent} %`)}</title><rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="${colourOf(frame)}"/>${text}</g>`,
  )
  let from = at
  let deepest = level
  for (const child of [...frame.children.values()].sort((one, other) => other.total - one.total)) {
    deepest = Math.max(deepest, draw(child, { at: from, level: level + 1, total }, shapes))
    from += child.total
  }
  return deepest
}

function colourOf(frame: Frame): string {
  const hue = HUES.find(([prefix]) => frame.area.startsWith(prefix))?.[1]
  return hue === undefined ? 'hsl(0 0% 78%)' : `hsl(${hue} 65% 72%)`
}

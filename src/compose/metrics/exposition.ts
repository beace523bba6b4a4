/** Lines of Prometheus' text exposition format 0.0.4. */

export function heading(
  name: string,
  type: 'counter' | 'gauge' | 'histogram',
  help: string,
): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`]
}

export function gauge(name: string, help: string, value: number): string[] {
  return [...heading(name, 'gauge', help), `${name} ${value}`]
}

/** How values of several threads become one, where it is not their sum: by the end of the name. */
const combined: readonly (readonly [end: string, combine: (a: number, b: number) => number])[] = [
  ['_level', Math.max],
  // All threads show the same certificates.
  ['_expiry_seconds', Math.min],
]

/**
 * Several expositions of the same program as one: values of one name and labels are added up, except those
 * of levels, of which the highest counts, and of ends, of which the nearest does.
 */
export function addExpositions(texts: readonly string[]): string {
  const values = new Map<string, number | undefined>()
  for (const line of texts.flatMap((text) => text.split('\n'))) {
    if (line === '') continue
    const name = line.startsWith('#') ? line : line.slice(0, line.lastIndexOf(' '))
    const value = line.startsWith('#') ? undefined : Number(line.slice(name.length + 1))
    const before = values.get(name)
    if (value === undefined || before === undefined) values.set(name, value)
    else values.set(name, combine(name, before, value))
  }
  const lines = [...values].map(([name, value]) =>
    value === undefined ? name : `${name} ${value}`,
  )
  return lines.length === 0 ? '' : `${inOrder(lines).join('\n')}\n`
}

function combine(name: string, before: number, value: number): number {
  const family = familyOf(name)
  const found = combined.find(([end]) => family.endsWith(end))
  return found === undefined ? before + value : found[1](before, value)
}

/** What one thread alone has seen stands at the end; it belongs under its heading. */
function inOrder(lines: readonly string[]): readonly string[] {
  const groups = new Map<string, string[]>()
  for (const line of lines) {
    const name = line.startsWith('# ') ? (line.split(' ')[2] ?? '') : familyOf(line)
    const group = groups.get(name) ?? []
    group.push(line)
    groups.set(name, group)
  }
  return [...groups.values()].flat()
}

function familyOf(line: string): string {
  const name = /^[A-Za-z0-9_:]+/.exec(line)?.[0] ?? ''
  return name.startsWith('proofgate_request_seconds') ? 'proofgate_request_seconds' : name
}

/** A label's value. */
export function quote(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
}

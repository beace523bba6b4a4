/** What we read of Stryker's report. */
export interface MutationReport {
  readonly files: Readonly<Record<string, { readonly source: string; readonly mutants: Mutant[] }>>
}

interface Mutant {
  readonly status: string
  readonly mutatorName: string
  readonly replacement?: string
  readonly location: { readonly start: Position; readonly end: Position }
}

interface Position {
  readonly line: number
  readonly column: number
}

/** The score of each file and of all, and every mutant that no test noticed. */
export function reportOf({ files }: MutationReport): string {
  const named = Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))
  const survivors = named.flatMap(([name, { source, mutants }]) =>
    mutants.filter(isMissed).map((mutant) => survivor(name, source, mutant)),
  )
  const rows = named.map(([name, { mutants }]) => row(name, mutants))
  const all = row(
    'all',
    named.flatMap(([, { mutants }]) => mutants),
  )
  return `${[...survivors, ...rows, all].join('\n')}\n`
}

function isMissed({ status }: Mutant): boolean {
  return status === 'Survived' || status === 'NoCoverage'
}

function row(name: string, mutants: readonly Mutant[]): string {
  const noticed = mutants.filter(({ status }) => status === 'Killed' || status === 'Timeout').length
  const counted = noticed + mutants.filter(isMissed).length
  const score = counted === 0 ? 100 : (100 * noticed) / counted
  return `${score.toFixed(1).padStart(5)} %  ${String(noticed).padStart(4)} of ${String(counted).padStart(4)}  ${name}`
}

function survivor(name: string, source: string, mutant: Mutant): string {
  const { start, end } = mutant.location
  const lines = source.split('\n').slice(start.line - 1, end.line)
  const first = lines[0] ?? ''
  const written =
    lines.length === 1 ? first.slice(start.column - 1, end.column - 1) : `${first.trim()} ...`
  const place = `${name}:${start.line}:${start.column}`
  return `${place} ${mutant.status}: ${written} -> ${mutant.replacement ?? mutant.mutatorName}`
}

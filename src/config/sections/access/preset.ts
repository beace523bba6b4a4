import type { Draft } from '../../draft.ts'
import type { AssurancePreset } from '../../model/authenticators.ts'
import { quote } from '../../problems.ts'
import { readDuration, readFlag } from '../../scalars.ts'

/** What a preset asks of one option. */
type Demand =
  | { readonly path: readonly string[]; readonly atMost: string }
  | { readonly path: readonly string[]; readonly oneOf: readonly [string, ...string[]] }
  | { readonly path: readonly string[]; readonly off: true }

const safe: readonly Demand[] = [
  { path: ['authenticators', 'clone'], oneOf: ['block'] },
  { path: ['dangerously_allowInsecureOrigins'], off: true },
]

/** NIST SP 800-63B-4, 2.2 and 2.3. What a sign-in with a passkey has anyway is not in here. */
const demands: Readonly<Record<AssurancePreset, readonly Demand[]>> = {
  aal2: [
    { path: ['sessions', 'absolute'], atMost: '24h' },
    { path: ['sessions', 'idle'], atMost: '1h' },
    { path: ['tokens', 'refreshLifetime'], atMost: '24h' },
    ...safe,
  ],
  aal3: [
    { path: ['sessions', 'absolute'], atMost: '12h' },
    { path: ['sessions', 'idle'], atMost: '15m' },
    { path: ['tokens', 'refreshLifetime'], atMost: '12h' },
    { path: ['authenticators', 'allow'], oneOf: ['hardware-only'] },
    { path: ['authenticators', 'signIn'], oneOf: ['hardware-only'] },
    { path: ['authenticators', 'attestation'], oneOf: ['direct', 'enterprise'] },
    ...safe,
  ],
}

/**
 * Sets what a preset asks for where nothing is written.
 *
 * Invariant: what is written and weaker is a problem, never a quiet exception.
 */
export function applyPreset(draft: Draft): void {
  const { preset, metadata, certification } = draft.shape.authenticators
  if (preset === undefined) return
  for (const demand of demands[preset]) {
    if (!isMet(demand, valueAt(draft, demand.path))) settle(draft, preset, demand)
  }
  // A model that metadata describes has to be certified at all; anchors of one's own vouch by themselves.
  if (preset === 'aal3' && metadata !== undefined && certification === undefined) {
    draft.presume(['authenticators', 'certification'], 'L1')
  }
}

function settle(draft: Draft, preset: AssurancePreset, demand: Demand): void {
  const { path } = demand
  if (!draft.says(path)) {
    if ('atMost' in demand) draft.presume(path, demand.atMost)
    if ('oneOf' in demand) draft.presume(path, demand.oneOf[0])
    return
  }
  draft.report(path, {
    code: 'config.preset',
    message: `found ${quote(String(valueAt(draft, path)))}, expected ${wanted(demand)}, as \`authenticators.preset: ${preset}\` asks`,
    hint: 'Leave the option out, or leave the preset out and set every option yourself.',
  })
}

function isMet(demand: Demand, value: unknown): boolean {
  if ('atMost' in demand) return readDuration(value as string) <= readDuration(demand.atMost)
  if ('oneOf' in demand) return demand.oneOf.some((one) => one === value)
  return !readFlag(value as string | boolean)
}

function wanted(demand: Demand): string {
  if ('atMost' in demand) return `at most ${demand.atMost}`
  return 'oneOf' in demand ? demand.oneOf.join(' or ') : 'false'
}

function valueAt({ shape }: Draft, path: readonly string[]): unknown {
  let found: unknown = shape
  for (const part of path) found = (found as Record<string, unknown>)[part]
  return found
}

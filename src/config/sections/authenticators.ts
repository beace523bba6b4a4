import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import { knownAlgorithmNames, parseAnchors } from '../../webauthn/configured/index.ts'
import type { Draft } from '../draft.ts'
import type { Configuration } from '../model.ts'
import type { AuthenticatorLimits, ConfiguredAnchor } from '../model/authenticators.ts'
import { quote } from '../problems.ts'
import type { Path } from '../problems.ts'
import type { PolicyFiles } from './access/documents.ts'
import { readText, resolveMetadata, shownName } from './access/metadata.ts'

type Shape = Draft['shape']['authenticators']
type GroupShape = NonNullable<Draft['shape']['groups'][string]['authenticators']>

const here = ['authenticators']

/** The rules for everybody, and the anchors; a rule that nobody could ever meet is refused. */
export function resolveAuthenticators(
  draft: Draft,
  files: PolicyFiles,
): Pick<Configuration, 'authenticators'> {
  const { authenticators, groups } = draft.shape
  const trustAnchors = authenticators.trustAnchors.flatMap(
    (anchor, index) =>
      readAnchor(draft, { path: [...here, 'trustAnchors', index], anchor, files }) ?? [],
  )
  const metadata = resolveMetadata(draft, files)
  checkProvable(draft, here, authenticators)
  checkFacts(draft, here, authenticators)
  for (const [name, { authenticators: own }] of Object.entries(groups)) {
    if (own === undefined) continue
    const path = ['groups', name, 'authenticators']
    checkProvable(draft, path, own)
    checkFacts(draft, path, own)
    checkAlgorithms(draft, [...path, 'algorithms'], own)
  }
  checkSignIn(draft)
  const { preset, attestation, clone, signIn, registered: acts } = authenticators
  const registered = { reported: acts.reported, refused: acts.refused }
  const trust = { attestation, trustAnchors, metadata, registered }
  return { authenticators: { preset, ...trust, clone, signIn, ...limitsOf(authenticators) } }
}

/** What a rule says; what it does not say it leaves open. */
export function limitsOf(rule: Shape | GroupShape): AuthenticatorLimits {
  const { allow, aaguids, makers, serials, algorithms, certification } = rule
  return {
    allow: allow ?? 'any',
    algorithms: algorithms ?? knownAlgorithmNames,
    aaguids: {
      allow: aaguids?.allow?.map((one) => one.toLowerCase()),
      deny: (aaguids?.deny ?? []).map((one) => one.toLowerCase()),
    },
    makers: { allow: makers?.allow, deny: makers?.deny ?? [] },
    serials,
    certification,
  }
}

const believing = '`metadata` or at least one entry of `trustAnchors`'

/** Proof takes attestation that is asked for, and somebody whose word for it is believed. */
function checkProvable(draft: Draft, path: Path, rule: Shape | GroupShape): void {
  const { attestation, trustAnchors, metadata } = draft.shape.authenticators
  const isBelieved = trustAnchors.length > 0 || metadata !== undefined
  if (attestation !== 'none' && isBelieved) return
  const missing = attestation === 'none' ? '`attestation: direct`' : believing
  const report = (at: Path, found: string): void => reportUnprovable(draft, at, found, missing)
  if (rule.allow === 'hardware-only') report([...path, 'allow'], '"hardware-only"')
  for (const list of ['aaguids', 'makers'] as const) {
    if (rule[list]?.allow !== undefined) report([...path, list, 'allow'], 'an allow list')
  }
}

/** Levels are stated by metadata, serial numbers told by enterprise attestation. */
function checkFacts(draft: Draft, path: Path, rule: Shape | GroupShape): void {
  const { attestation, trustAnchors, metadata } = draft.shape.authenticators
  if (rule.certification !== undefined && (attestation === 'none' || metadata === undefined)) {
    const missing = attestation === 'none' ? '`attestation: direct`' : '`metadata`'
    reportUnprovable(draft, [...path, 'certification'], quote(rule.certification), missing)
  }
  if (rule.serials === undefined) return
  const isBelieved = trustAnchors.length > 0 || metadata !== undefined
  if (attestation === 'enterprise' && isBelieved) return
  const missing = attestation === 'enterprise' ? believing : '`attestation: enterprise`'
  reportUnprovable(draft, [...path, 'serials'], 'serial numbers', missing)
}

function reportUnprovable(draft: Draft, path: Path, found: string, missing: string): void {
  draft.report(path, {
    code: 'config.authenticators',
    message: `found ${found}, which no passkey could prove, expected ${missing} in \`authenticators\` too`,
    hint: 'See docs/authenticators.md for where proof comes from.',
  })
}

/** Whoever registers a passkey has to be able to sign in with it. */
function checkSignIn(draft: Draft): void {
  const { allow, signIn } = draft.shape.authenticators
  if (signIn === 'any' || allow === 'hardware-only') return
  draft.report([...here, 'signIn'], {
    code: 'config.authenticators',
    message: `found "hardware-only" beside \`allow: ${allow}\`, expected \`allow: hardware-only\` as well`,
    hint: 'Passkeys that may be registered have to be able to sign in.',
  })
}

/** What a group allows counts only where everybody is allowed it as well. */
function checkAlgorithms(draft: Draft, path: Path, { algorithms: own }: GroupShape): void {
  const { algorithms } = draft.shape.authenticators
  if (own === undefined || own.some((one) => algorithms.includes(one))) return
  draft.report(path, {
    code: 'config.authenticators',
    message: `found ${own.join(', ')}, expected at least one of those for everybody: ${algorithms.join(', ')}`,
    hint: 'Rules of a group narrow those for everybody: list the algorithm in `authenticators.algorithms` too.',
  })
}

function readAnchor(
  draft: Draft,
  input: {
    readonly path: Path
    readonly anchor: Shape['trustAnchors'][number]
    readonly files: PolicyFiles
  },
): ConfiguredAnchor | undefined {
  const { anchor, files } = input
  const absolute = resolve(files.base, anchor.file)
  const shown = shownName(files, anchor.file)
  const pem = readText(files, absolute)
  const aaguids = anchor.aaguids?.map((one) => one.toLowerCase())
  if (pem !== undefined && parseAnchors(shown, pem, aaguids) !== undefined) {
    // Another content under the same name is another configuration.
    const fingerprint = createHash('sha256').update(pem).digest('hex')
    draft.derive([...input.path, 'fingerprint'], fingerprint)
    return { file: shown, pem, aaguids }
  }
  draft.report([...input.path, 'file'], {
    code: 'config.trust-anchor',
    message: `found ${pem === undefined ? 'no readable file' : 'no certificates or public keys'} ${quote(shown)}, expected PEM with some and nothing damaged`,
    hint: 'It begins with -----BEGIN CERTIFICATE----- or -----BEGIN PUBLIC KEY-----.',
  })
  return undefined
}

import type { Draft } from '../draft.ts'
import type { Authorizer } from '../model.ts'
import type { ConfiguredProof } from '../model/proof.ts'
import { quote } from '../problems.ts'
import type { Path } from '../problems.ts'
import { readDuration } from '../scalars.ts'
import type { RouteShape } from '../schema.ts'

/** What our own sign-in can prove (OpenID EAP ACR Values 1.0). */
const ownClasses: ReadonlySet<string> = new Set(['phr', 'phrh'])

const demands = ['maxAge', 'acr'] as const

/** Reads what a route demands of its callers; a demand that nobody could ever meet is refused. */
export function resolveProof(
  draft: Draft,
  routePath: Path,
  { proof }: RouteShape,
  authorizer: Authorizer,
): ConfiguredProof | undefined {
  if (proof === undefined) return undefined
  const path = [...routePath, 'proof']
  const { acr } = proof
  if (authorizer.kind === 'open') {
    draft.report(path, {
      code: 'config.proof',
      message: 'found `proof` on an open route, expected one that knows its callers',
      hint: 'Nobody can be asked for a key where nobody has to be known; set `authorizer`.',
    })
  }
  if (!demands.some((key) => draft.says([...path, key]))) {
    draft.report(path, {
      code: 'config.proof',
      message: 'found `proof` without a demand, expected `maxAge` or `acr`',
      hint: 'Say how fresh the touch has to be, or remove the key.',
    })
  }
  if (acr !== undefined && authorizer.kind === 'proofgate' && !ownClasses.has(acr)) {
    draft.report([...path, 'acr'], {
      code: 'config.proof',
      message: `found ${quote(acr)}, expected phr or phrh`,
      hint: 'Sign-in here proves these: phrh takes attested hardware, phr any passkey.',
    })
  }
  const maxAge = proof.maxAge === undefined ? undefined : readDuration(proof.maxAge)
  return { maxAge, acr }
}

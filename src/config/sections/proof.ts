import { parseSentence } from '../../proof/configured/index.ts'
import type { Approvers, ProofDemand, Sentence } from '../../proof/index.ts'
import type { Draft } from '../draft.ts'
import type { Authorizer, PathSegment } from '../model.ts'
import type { ConfiguredProof } from '../model/proof.ts'
import { quote } from '../problems.ts'
import type { Path } from '../problems.ts'
import { readAmount, readDuration, readFlag, readSize } from '../scalars.ts'
import type { RouteShape } from '../schema.ts'
import type { RequestProofShape } from '../schema/proof.ts'
import { readWebSocket } from './live.ts'
import { checkReference } from './people.ts'

/** What our own sign-in can prove (OpenID EAP ACR Values 1.0). */
const ownClasses: ReadonlySet<string> = new Set(['phr', 'phrh'])

const demands = ['maxAge', 'acr', 'request'] as const

/** Reads what a route demands of its callers; a demand that nobody could ever meet is refused. */
export function resolveProof(
  draft: Draft,
  routePath: Path,
  shape: RouteShape,
  { authorizer, segments }: { authorizer: Authorizer; segments: readonly PathSegment[] },
): ConfiguredProof | undefined {
  const { proof } = shape
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
      message: 'found `proof` without a demand, expected `maxAge`, `acr` or `request`',
      hint: 'Say how fresh the touch has to be or that it is for one request, or remove the key.',
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
  const request =
    proof.request === undefined
      ? undefined
      : resolveRequest(draft, [...path, 'request'], proof.request, { shape, segments, authorizer })
  return { maxAge, acr, request }
}

/** Reads what binds a proof to one request. */
function resolveRequest(
  draft: Draft,
  path: Path,
  request: RequestProofShape,
  route: { shape: RouteShape; segments: readonly PathSegment[]; authorizer: Authorizer },
): ProofDemand {
  if (readWebSocket(route.shape) !== undefined) {
    draft.report(path, {
      code: 'config.proof',
      message: 'found `proof.request` beside `websocket`, expected one of them',
      hint: 'A touch says yes to one request with its body, never to what is said over a connection.',
    })
  }
  const approvers = resolveApprovers(draft, path, request)
  if (approvers.self && route.authorizer.kind === 'issuer') {
    draft.report(path, {
      code: 'config.proof',
      message: 'found the caller as approver on a route of another issuer, expected `groups`',
      hint: 'Whom another issuer vouches for has no passkey here: let people of a group approve.',
    })
  }
  return {
    headers: [...new Set(request.headers.map((name) => name.toLowerCase()))].sort(),
    sentence: resolveSentence(draft, [...path, 'sentence'], request.sentence, route.segments),
    maxBody: readSize(request.maxBody),
    validFor: readDuration(request.validFor),
    approvers,
    forwardEvidence: readFlag(request.forwardEvidence),
  }
}

function resolveSentence(
  draft: Draft,
  path: Path,
  text: string | undefined,
  segments: readonly PathSegment[],
): Sentence | undefined {
  if (text === undefined) return undefined
  const names = segments.flatMap((part) => (part.kind === 'literal' ? [] : [part.name]))
  const sentence = parseSentence(text, names)
  if (typeof sentence !== 'string') return sentence
  draft.report(path, {
    code: 'config.proof',
    message: `found ${quote(text)}, expected a sentence that can be filled in: ${sentence}`,
    hint: 'Values are {name} of the path of the route and {body.name} of a JSON body.',
  })
  return undefined
}

function resolveApprovers(draft: Draft, path: Path, request: RequestProofShape): Approvers {
  const { groups, self, count } = request.approvers
  const own = self === undefined ? groups.length === 0 : readFlag(self)
  for (const index of groups.keys()) {
    const at = [...path, 'approvers', 'groups', index]
    checkReference(draft, at, groups[index] ?? '', 'groups')
  }
  const isNobody = !own && groups.length === 0
  if (isNobody || (count !== undefined && groups.length === 0)) {
    draft.report([...path, 'approvers'], {
      code: 'config.proof',
      message: isNobody
        ? 'found approvers who are nobody, expected `self` or `groups`'
        : 'found `count` without `groups`, expected the groups the others are in',
      hint: 'With `groups`, so many other people of them have to approve; with `self`, the caller.',
    })
  }
  return {
    self: own,
    others: groups.length === 0 ? 0 : readAmount(count ?? 1),
    groups: [...new Set(groups)],
    attested: !readFlag(request.dangerously_allowUnattested),
    separate: !readFlag(request.dangerously_allowSameSession),
  }
}

const switches = ['dangerously_allowUnattested', 'dangerously_allowSameSession'] as const

/** Paths of the weakening switches of routes that are on. */
export function proofSwitches({ shape }: Draft): (string | number)[][] {
  return Object.entries(shape.apis).flatMap(([name, { routes }]) =>
    routes.flatMap(({ proof }, index) => {
      const request = proof?.request
      if (request === undefined) return []
      const path = ['apis', name, 'routes', index, 'proof', 'request']
      return switches.filter((key) => readFlag(request[key])).map((key) => [...path, key])
    }),
  )
}

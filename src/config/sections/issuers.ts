import { ownPrefixes } from '../../policy/index.ts'
import type { Draft } from '../draft.ts'
import type { ConfiguredIssuer } from '../model.ts'
import { quote } from '../problems.ts'
import { readFlag } from '../scalars.ts'

/** Words an API uses instead of an issuer's name. */
export const builtInAuthorizers = ['proofgate', 'open']

export function resolveIssuers(draft: Draft): ConfiguredIssuer[] {
  return Object.entries(draft.shape.issuers).map(([name, shape]) => {
    const allowHttp = readFlag(shape.dangerously_allowHttp)
    checkName(draft, name)
    checkIssuer(draft, name, shape.issuer, allowHttp)
    checkAudiences(draft, name, shape.audiences)
    checkNamespace(draft, name)
    if (shape.conditionClaims.length > 0) checkPrefix(draft, name)
    return {
      name,
      issuer: shape.issuer,
      audiences: shape.audiences,
      algorithms: shape.algorithms,
      requiredScopes: shape.requiredScopes,
      groupsClaim: shape.groupsClaim,
      usernameClaim: shape.usernameClaim,
      account: accountOf(draft, name),
      namespace: shape.namespace,
      conditionClaims: shape.conditionClaims,
      allowHttp,
    }
  })
}

function accountOf(draft: Draft, name: string): string {
  const { issuers, account } = draft.shape
  const written = issuers[name]?.account
  if (written === undefined) draft.derive(['issuers', name, 'account'], account)
  return written ?? account
}

/**
 * Invariant: no two issuers give the same ARN. All that share an account have a namespace, each its own; one
 * without could name somebody like one with.
 */
function checkNamespace(draft: Draft, name: string): void {
  const { issuers, account } = draft.shape
  const own = issuers[name]
  const others = Object.entries(issuers).filter(
    ([other, shape]) => other !== name && (shape.account ?? account) === (own?.account ?? account),
  )
  const [clash] = others.filter(
    ([, shape]) => own?.namespace === undefined || shape.namespace === own.namespace,
  )
  if (clash === undefined) return
  draft.report(['issuers', name, 'namespace'], {
    code: 'config.issuer-namespace',
    message: `found ${own?.namespace === undefined ? 'no namespace' : quote(own.namespace)} beside the issuer ${quote(clash[0])} of the same account, expected a \`namespace\` of its own for each`,
    hint: 'Its people are then federated-user/NAMESPACE/NAME in ARNs: change the policies that name them. Or give it an `account` of its own.',
  })
}

function checkName(draft: Draft, name: string): void {
  if (!builtInAuthorizers.includes(name)) return
  draft.report(
    ['issuers', name],
    {
      code: 'config.issuer-name',
      message: `found an issuer named ${quote(name)}, expected another name`,
      hint: '`proofgate` and `open` already mean something as authorizers.',
    },
    'key',
  )
}

/**
 * The name of an issuer whose claims policies read is the beginning of condition keys. Invariant: no claim of
 * another issuer can be read under a key of ours, or of a third.
 */
function checkPrefix(draft: Draft, name: string): void {
  const others = Object.entries(draft.shape.issuers)
    .filter(([other, { conditionClaims }]) => other !== name && conditionClaims.length > 0)
    .map(([other]) => other.toLowerCase())
  const lower = name.toLowerCase()
  const isTaken = ownPrefixes.has(lower) || others.includes(lower)
  if (!isTaken && /^[a-z]/.test(lower)) return
  draft.report(
    ['issuers', name],
    {
      code: 'config.issuer-name',
      message: `found \`conditionClaims\` of an issuer named ${quote(name)}, expected a name of its own that begins with a letter`,
      hint: 'Condition keys begin with it, and are not case-sensitive; aws and proofgate are taken.',
    },
    'key',
  )
}

/** OpenID Connect Discovery 1.0 section 3: https, no query, no fragment; compared as text. */
function checkIssuer(draft: Draft, name: string, issuer: string, allowHttp: boolean): void {
  const path = ['issuers', name, 'issuer']
  const url = URL.parse(issuer)
  const isExact =
    url !== null &&
    (url.protocol === 'https:' || url.protocol === 'http:') &&
    (url.href === issuer || url.href === `${issuer}/`) &&
    !/[?#@]/.test(issuer)
  if (!isExact) {
    draft.report(path, {
      code: 'config.issuer-url',
      message: `found ${quote(issuer)}, expected an absolute https URL without query, fragment or user`,
      hint: "Copy `issuer` from the provider's /.well-known/openid-configuration.",
    })
  } else if (url.protocol === 'http:' && !allowHttp) {
    draft.report(path, {
      code: 'config.issuer-http',
      message: `found ${quote(issuer)}, expected https`,
      hint: 'Whoever can change its keys on the way can issue tokens; dangerously_allowHttp is for tests.',
    })
  }
}

function checkAudiences(draft: Draft, name: string, audiences: readonly string[]): void {
  const path = ['issuers', name, 'audiences']
  // An item with a fault of its own has been left out; that is not an empty list.
  if (audiences.length > 0 || draft.says([...path, 0])) return
  draft.report(
    path,
    {
      code: 'config.issuer-audiences',
      message: 'found no audience, expected at least one',
      hint: 'Without it tokens made for any other service would be accepted here.',
    },
    'key',
  )
}

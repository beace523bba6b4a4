import type { KeyFamily } from './key.ts'

const text = { type: 'string', several: 'never', presence: 'sometimes' } as const

export const principalTags: KeyFamily = {
  ...text,
  name: 'aws:PrincipalTag/TAG',
  prefix: 'aws:principaltag/',
  declaredBy: '`people[].tags`',
  without: 'for callers who have no such tag',
  callers: 'people',
  source: '`people[].tags` of the configuration',
  about: 'the tag of this name that the person has',
  example: { StringEquals: { 'aws:PrincipalTag/team': 'payments' } },
}

export const routeTags: KeyFamily = {
  ...text,
  name: 'proofgate:RouteTag/TAG',
  prefix: 'proofgate:routetag/',
  declaredBy: '`apis.NAME.routes[].tags`',
  without: 'on routes that have no such tag',
  callers: 'everybody',
  source: '`apis.NAME.routes[].tags` of the configuration',
  about: 'the tag of this name that the route has',
  example: { StringEquals: { 'proofgate:RouteTag/sensitivity': 'low' } },
}

export const requestHeaders: KeyFamily = {
  ...text,
  several: 'always',
  name: 'proofgate:Header/NAME',
  prefix: 'proofgate:header/',
  declaredBy: '`apis.NAME.routes[].conditionHeaders`',
  without: 'when it was not sent, and on routes that do not declare it',
  callers: 'everybody',
  source: 'the header, on routes that declare it in `conditionHeaders`',
  about:
    'a request header, one value for each time it was sent; the caller writes it, so not a proof',
  example: {
    'ForAllValues:StringEquals': { 'proofgate:Header/x-tenant': ['blue', 'green'] },
    Null: { 'proofgate:Header/x-tenant': 'false' },
  },
}

export const queryParameters: KeyFamily = {
  ...text,
  several: 'always',
  name: 'proofgate:Query/NAME',
  prefix: 'proofgate:query/',
  declaredBy: '`apis.NAME.routes[].conditionQuery`',
  without: 'when it was not sent, and on routes that do not declare it',
  callers: 'everybody',
  source: 'the query, on routes that declare the parameter in `conditionQuery`',
  about: 'a query parameter, one value for each time it was sent; the caller writes it',
  example: {
    'ForAllValues:StringEquals': { 'proofgate:Query/status': ['open', 'closed'] },
    Null: { 'proofgate:Query/status': 'false' },
  },
}

export const issuerClaims: KeyFamily = {
  name: 'ISSUER:CLAIM',
  type: 'any',
  several: 'maybe',
  presence: 'sometimes',
  prefix: undefined,
  declaredBy: '`issuers.NAME.conditionClaims`',
  without: 'for callers another issuer vouches for, and when the token does not have it',
  callers: 'external',
  source: 'the token, when `issuers.NAME.conditionClaims` declares the claim',
  about:
    'a claim of an external issuer, by the name the issuer has in the configuration: text, a number, a boolean, or a list of those',
  example: { StringEquals: { 'okta:department': 'payments' } },
}

export const keyFamilies: readonly KeyFamily[] = [
  principalTags,
  routeTags,
  requestHeaders,
  queryParameters,
  issuerClaims,
]

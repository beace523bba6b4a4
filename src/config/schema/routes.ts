import { duration, size, text, word } from '../scalars.ts'
import { documentOf } from './access.ts'
import { inheritedFeatures, prefixRewrite, routeFeatures } from './features.ts'
import { proof } from './proof.ts'
import { priority, streams, websocket } from './live.ts'
import {
  algorithm,
  declared,
  label,
  list,
  mapping,
  name,
  nothing,
  tags,
  throttle,
} from './parts.ts'

const GiB = 1_073_741_824

const routeThrottle = mapping('limits of the route', {
  route: throttle('all callers together').optional(),
  principal: throttle(
    'each principal on this route; default: the API, then `throttles.principal`',
  ).optional(),
})

const route = mapping('requests of one method and path', {
  method: word('method', 'HTTP method', [
    'GET',
    'POST',
    'PUT',
    'PATCH',
    'DELETE',
    'HEAD',
    'OPTIONS',
    'ANY',
  ]),
  path: text('text', 'path pattern: literal segments, {name}, and {name+} for the rest'),
  authorizer: name("who vouches for the caller; default: the API's").optional(),
  proof: proof.optional(),
  throttle: routeThrottle.optional(),
  websocket: websocket.prefault(false),
  streams: streams.prefault(nothing),
  priority: priority.prefault('normal'),
  maxBody: size('longest request body', 0, 64 * GiB).prefault('1MiB'),
  timeout: duration("until the response headers; default: the upstream's", '10ms', '1h').optional(),
  timeouts: mapping('more time limits', {
    total: duration(
      "from the request to the end of the answer; default: the upstream's",
      '10ms',
      '1d',
    ).optional(),
  }).optional(),
  tags: tags('what policies read as proofgate:RouteTag/NAME').prefault(nothing),
  conditionHeaders: declared(
    'request headers that policies read as proofgate:Header/NAME',
    text('headerName', 'a header', /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/),
  ).prefault([]),
  conditionQuery: declared(
    'query parameters that policies read as proofgate:Query/NAME',
    text('parameterName', 'a parameter', /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/),
  ).prefault([]),
  ...inheritedFeatures,
  ...routeFeatures,
})

/** An API with its routes, as they are written. */
export const api = mapping('an API: a host, an upstream and routes', {
  host: text(
    'text',
    'host, with or without port; default for the only API: api.<domain>',
  ).optional(),
  upstream: name('the upstream requests go to'),
  stage: name('the stage in ARNs').prefault('default'),
  audience: label("audience of its tokens; default: the API's origin").optional(),
  signingAlgorithm: algorithm('how its tokens are signed; default: `tokens.algorithm`').optional(),
  authorizer: name('proofgate (own tokens and sign-in), open (anyone), or an issuer').prefault(
    'proofgate',
  ),
  throttle: mapping('limits of the API', {
    principal: throttle('each principal on each route; default: `throttles.principal`').optional(),
  }).optional(),
  resourcePolicy: documentOf(
    'an IAM resource policy: who may call the API, people of other accounts above all; or { file: path } of one',
  ).optional(),
  rewrite: prefixRewrite.optional(),
  ...inheritedFeatures,
  routes: list('what is let through; everything else is 404', route).min(1, { error: 'list' }),
})

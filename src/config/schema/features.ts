import { z } from 'zod'
import { amount, duration, flag, size, text, word } from '../scalars.ts'
import { label, list, mapping, name, nothing } from './parts.ts'

/*
 * What a route can do besides forwarding, as it is written.
 */

const KiB = 1024

const token = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/
const headerName = (description: string) => text('headerName', description, token)
const headerValue = text(
  'headerValue',
  'text with {parameter} and {context:fact}',
  /^[ -~]{1,1024}$/,
)
const visible = /^[^\p{Cc}\u2028\u2029]{1,512}$/u
const queryName = text('display', 'a name', /^.{1,100}$/, (value) => /^[!-~]{1,100}$/.test(value))
const queryValue = text(
  'display',
  'text with {parameter} and {context:fact}',
  /^.{1,512}$/,
  (value) => visible.test(value),
)

function headers(description: string) {
  return z
    .record(z.string().regex(token, { error: 'headerName' }), headerValue, { error: 'mapping' })
    .meta({ description })
}

function byName<Item extends z.ZodType>(description: string, item: Item) {
  return z
    .record(z.string().regex(/^[!-~]{1,100}$/, { error: 'display' }), item, { error: 'mapping' })
    .meta({ description })
}

const headerEdits = (description: string) =>
  mapping(description, {
    remove: list('names to remove', headerName('a header')).prefault([]),
    set: headers('replaces whatever is there under the name').prefault(nothing),
    add: headers('one more line behind others of the name').prefault(nothing),
  })

const pathPrefix = (description: string) => text('text', description)

export const prefixRewrite = mapping('the path the service is asked for', {
  stripPrefix: pathPrefix('what the paths begin with and the service does not see').optional(),
  addPrefix: pathPrefix('what is put before the path').optional(),
})

const rewrite = mapping('the path the service is asked for', {
  path: text('text', 'template of it: literal segments and {parameter} segments').optional(),
  stripPrefix: pathPrefix('what the path begins with and the service does not see').optional(),
  addPrefix: pathPrefix('what is put before the path').optional(),
})

const query = mapping('changes to the query, in this order', {
  keep: list('the only names that pass; default: all', queryName).optional(),
  remove: list('names that do not pass', queryName).prefault([]),
  rename: byName("from the caller's name to the service's", queryName).prefault(nothing),
  set: byName('replaces what the caller sent under the name', queryValue).prefault(nothing),
  add: byName('comes behind what the caller sent under the name', queryValue).prefault(nothing),
})

const headerChanges = mapping('changes to headers', {
  request: headerEdits('of requests to the service').optional(),
  response: headerEdits('of answers to the caller').optional(),
})

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD'] as const

const cors = mapping('pages of other origins that may call; preflights are answered here', {
  origins: list(
    'exact origins, `https://*.example.com` for subdomains, or `*`',
    text('text', 'an origin'),
  ).min(1, { error: 'list' }),
  methods: list(
    'methods they may use; default: those that have a route',
    word('method', 'a method', methods),
  ).prefault([]),
  headers: list('request headers they may set', headerName('a header')).prefault([
    'authorization',
    'content-type',
    'dpop',
  ]),
  exposeHeaders: list('response headers they may read', headerName('a header')).prefault([]),
  credentials: flag('whether cookies come along').prefault(false),
  maxAge: duration('how long browsers remember a preflight', '0s', '1d').prefault('10m'),
})

const respond = mapping('a fixed answer instead of asking a service', {
  status: amount('status', 'status code', { min: 200, max: 599, whole: true }).prefault(200),
  headers: headers('header lines; literal text').prefault(nothing),
  body: text('body', 'text, as text/plain unless `headers` say otherwise').optional(),
  json: z.unknown().meta({ description: 'any value, as application/json' }).optional(),
})

const redirect = mapping('an answer that leads elsewhere', {
  to: text('text', 'absolute http(s) URL, or path; {parameter} may stand as segments of the path'),
  status: amount('status', '301, 302, 303, 307 or 308', {
    min: 301,
    max: 308,
    whole: true,
  }).prefault(307),
})

const maintenance = mapping('answers 503 instead of asking the service', {
  message: label('what callers are told').prefault('Under maintenance'),
  retryAfter: duration('when to try again', '1s', '30d').optional(),
  allowGroups: list('groups that are let through', name('a group')).prefault([]),
})

const split = list(
  'upstreams the callers are divided over; each caller stays on one',
  mapping('a share', {
    upstream: name('the upstream'),
    weight: amount('count', 'relative to the sum of all', { min: 0, max: 1_000_000, whole: true }),
  }),
).min(1, { error: 'list' })

const mirror = mapping('copies of requests go to another upstream, unheard', {
  upstream: name('the upstream'),
  percent: amount('share', 'how many of the requests', {
    min: 0,
    max: 100,
    whole: false,
  }).prefault(100),
  maxBody: size('longest body that is copied', 0, KiB * KiB).prefault('64KiB'),
  unsafeMethods: flag('whether POST, PUT, PATCH and DELETE are copied').prefault(false),
  concurrency: amount('count', 'copies at once; more are not sent', {
    min: 1,
    max: 1000,
    whole: true,
  }).prefault(32),
})

/** What a route has alone. */
export const routeFeatures = {
  rewrite: rewrite.optional(),
  query: query.optional(),
  respond: respond.optional(),
  redirect: redirect.optional(),
}

/** What a route has, or inherits from its API. */
export const inheritedFeatures = {
  headers: headerChanges.optional(),
  cors: cors.optional(),
  maintenance: maintenance.optional(),
  split: split.optional(),
  mirror: mirror.optional(),
}

export type HeaderEditsShape = z.output<ReturnType<typeof headerEdits>>
export type HeaderChangesShape = z.output<typeof headerChanges>
export type RewriteShape = z.output<typeof rewrite>
export type QueryShape = z.output<typeof query>
export type CorsShape = z.output<typeof cors>
export type RespondShape = z.output<typeof respond>
export type RedirectShape = z.output<typeof redirect>
export type MaintenanceShape = z.output<typeof maintenance>
export type SplitShape = z.output<typeof split>
export type MirrorShape = z.output<typeof mirror>

import { small } from './given.ts'

/** Texts that tables are made of: one thing in an otherwise good configuration. */
export const client = (rest: string): string => `${small}clients: [{ id: portal, ${rest} }]\n`
export const upstream = (rest: string): string => `version: 1\nupstreams:\n  a: { ${rest} }\n`
export const issuer = (rest: string): string => `version: 1\nissuers:\n  okta: { ${rest} }\n`
export const route = (rest: string): string =>
  `version: 1\nupstreams:\n  a: { url: https://a.example }\napis:\n  a:\n    upstream: a\n    routes:\n      - { method: GET, path: /ok }\n      - { ${rest} }\n`
export const apis = (...lines: string[]): string =>
  `version: 1\nupstreams: { u: { url: https://u.example } }\napis:\n${lines.map((line) => `  ${line}\n`).join('')}`
export const routes = 'upstream: u, routes: [{ method: GET, path: /x }]'
export const secret = 'secret: 0123456789abcdef'

/** A bad text with every problem it has, as `line:column code`. */
export type Bad = readonly [name: string, text: string, ...expected: string[]]

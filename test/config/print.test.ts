import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  configurationReference,
  configurationSchema,
  printProblems,
  problemsJson,
} from '../../src/config/index.ts'
import { load } from './given.ts'

function printed(text: string, more = {}): string {
  const result = load(text, { file: 'proofgate.yaml', ...more })
  return 'problems' in result ? printProblems(result.problems, result.sources) : ''
}

test('a problem is printed with its place, its line, a caret and what to do', () => {
  assert.equal(
    printed('version: 1\nlisteners:\n  public: { port: 70000 }\n'),
    `proofgate.yaml:3:19  config.port  found 70000, expected a port number, 0 to 65535
       3 |   public: { port: 70000 }
         |                   ^
    0 lets the system choose a free port.
`,
  )
})

test('a line with a secret is printed without it', () => {
  const text = printed('version: 1\nclients: [{ id: a, "secret": "hunter2", scopes: x }]\n')
  assert.match(text, /"secret": \*+\n/)
  assert.doesNotMatch(text, /hunter2/)
})

test('a line with a password in a URL is printed without it', () => {
  const text = printed('version: 1\nupstreams: { a: { url: "http://u:hunter2@x" } }\n')
  assert.match(text, /config\.upstream-url/)
  assert.doesNotMatch(text, /hunter2/)
})

test('a long line is printed around the caret', () => {
  const lines = printed(
    `version: 1\nx: { y: "${'a'.repeat(500)}", z: 1 }\ntrustedProxies: ["${'b'.repeat(400)}", 1]\n`,
  ).split('\n')
  assert.ok(lines.some((line) => line.includes(', 1]')))
  const caret = lines.findLast((line) => line.endsWith('^'))!
  assert.equal(lines[lines.indexOf(caret) - 1]![caret.length - 1], '1')
})

test('a problem with a flag names the flag', () => {
  assert.match(printed('version: 1\n', { overrides: { port: -1 } }), /^--port {2}config\.port/)
})

test('programs get every field', () => {
  const result = load('version: 1\nzzz: 1\n', { file: 'p.yaml' })
  assert.ok('problems' in result)
  const json = problemsJson(result.problems) as { problems: object[] }
  assert.deepEqual(Object.keys(json.problems[0]!), [
    'file',
    'line',
    'column',
    'path',
    'code',
    'message',
    'hint',
  ])
})

test('the JSON Schema refuses unknown keys, says what is required and holds the defaults', () => {
  const schema = configurationSchema() as any
  assert.equal(schema.$schema, 'https://json-schema.org/draft/2020-12/schema')
  assert.equal(schema.additionalProperties, false)
  assert.deepEqual(schema.required, ['version'])
  assert.equal(schema.properties.tokens.properties.accessLifetime.default, '5m')
  assert.deepEqual(schema.properties.apis.additionalProperties.required, ['upstream', 'routes'])
  assert.equal(schema.properties.issuers.additionalProperties.properties.audiences.minItems, 1)
  assert.deepEqual(schema.properties.tokens.properties.algorithm.enum, ['ES256', 'RS256'])
  for (const pattern of patternsOf(schema)) new RegExp(pattern, 'u').test('')
})

function patternsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, member]) =>
    key === 'pattern' && typeof member === 'string' ? [member] : patternsOf(member),
  )
}

test('every key of the schema has a description', () => {
  const visit = (schema: any, path: string): void => {
    for (const [key, property] of Object.entries<any>(schema?.properties ?? {})) {
      assert.equal(typeof property.description, 'string', `${path}.${key}`)
      visit(property, `${path}.${key}`)
      visit(property.items, `${path}.${key}[]`)
      visit(property.additionalProperties, `${path}.${key}.NAME`)
    }
  }
  visit(configurationSchema(), '')
})

test('docs/configuration.md is what the schema says', () => {
  const file = new URL('../../docs/configuration.md', import.meta.url)
  assert.equal(readFileSync(file, 'utf8'), configurationReference())
})

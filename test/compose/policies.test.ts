import assert from 'node:assert/strict'
import { test } from 'node:test'

import { compileAhead } from '../../src/compose/access/policies.ts'
import { loadConfiguration } from '../../src/config/index.ts'
import type { Configuration } from '../../src/config/index.ts'

const arn = 'arn:aws:execute-api:local:000000000000:orders/default'

/** So many policies of forty statements, of which two groups have all. */
function configurationOf(policies: number): Configuration {
  const names = Array.from({ length: policies }, (_, index) => `p${index}`)
  const statements = Array.from(
    { length: 40 },
    (_, index) =>
      `      - { Effect: Allow, Action: 'execute-api:Invoke', Resource: '${arn}/GET/x${index}' }`,
  ).join('\n')
  const text = `version: 1
groups: { a: { policies: [${names.join()}] }, b: { policies: [p0] } }
people:
  - { username: ann, groups: [b, a] }
  - { username: bob, groups: [a, b] }
  - { username: cleo, groups: [a] }
attachments: { cleo: [p0] }
policies:
${names.map((name) => `  ${name}:\n    Version: '2012-10-17'\n    Statement:\n${statements}`).join('\n')}
upstreams: { main: { url: 'http://127.0.0.1:9', allowPrivateAddresses: true } }
apis: { orders: { upstream: main, routes: [{ method: ANY, path: '/{rest+}' }] } }
`
  const loaded = loadConfiguration({
    text,
    environment: {},
    readFile: () => {
      throw new Error('none')
    },
  })
  if ('problems' in loaded) assert.fail(JSON.stringify(loaded.problems[0]))
  return loaded.configuration
}

/** Whose policies are compiled before anybody asks. */
function ahead(configuration: Configuration): readonly string[] {
  const asked: string[] = []
  const attached = { key: '', identity: undefined as never, boundary: undefined }
  compileAhead(
    {
      forGroups: (groups) => {
        asked.push(groups.join())
        return attached
      },
      forPerson: (username, groups) => {
        asked.push(`${username}: ${groups.join()}`)
        return attached
      },
    },
    configuration,
  )
  return asked
}

test('many statements are compiled before the first request, for each combination of groups once', () => {
  const asked = ahead(configurationOf(7))
  assert.equal(asked.length, 5, asked.join(' | '))
  assert.deepEqual(asked.slice(0, 2), ['a', 'b'])
  assert.deepEqual(asked.slice(-1), ['cleo: a'])
})

test('few statements are compiled when somebody needs them', () => {
  assert.deepEqual(ahead(configurationOf(2)), [])
})

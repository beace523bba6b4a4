import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mayMeet } from '../../src/policy/index.ts'
import { compiled, orders } from './kit.ts'

const allow = (Resource: string, Action = 'execute-api:Invoke'): object => ({
  Effect: 'Allow',
  Action,
  Resource,
})

const cases: readonly (readonly [one: object, other: object, meet: boolean])[] = [
  [allow('*'), allow(`${orders}/GET/x`), true],
  [allow(`${orders}/GET/*`), allow(`${orders}/*/x`), true],
  [allow(`${orders}/GET/*`), allow(`${orders}/POST/*`), false],
  [allow(`${orders}/GET/a?`), allow(`${orders}/GET/ab`), true],
  [allow(`${orders}/GET/a?`), allow(`${orders}/GET/abc`), false],
  [allow('arn:aws:execute-api:*:*:a/GET/*'), allow('arn:aws:execute-api:*:*:a/POST/*'), false],
  [allow('arn:aws:execute-api:*:1*:a/*'), allow('arn:aws:execute-api:*:2*:a/*'), false],
  [allow('arn:aws:execute-api:*:1*:a/*'), allow('arn:aws:execute-api:*:?2:a/*'), true],
  [allow('arn:aws:execute-api:*'), allow(`${orders}/GET/x`), true],
  [allow(`${orders}/GET/\${aws:username}`), allow(`${orders}/GET/x`), true],
  [allow(`${orders}/GET/\${aws:username}`), allow(`${orders}/POST/x`), false],
  [allow('*', 'x:A*'), allow('*', 'X:*b'), true],
  [allow('*', 'x:A'), allow('*', 'x:B'), false],
  [{ Effect: 'Allow', Action: '*', NotResource: '*' }, allow('*'), true],
  [{ Effect: 'Allow', NotAction: 'x:A', Resource: '*' }, allow('*', 'x:A'), true],
  [{ ...allow('*'), Effect: 'Deny' }, allow('*'), false],
]

for (const [one, other, meet] of cases) {
  test(`${JSON.stringify(one)} and ${JSON.stringify(other)}: ${meet}`, () => {
    assert.equal(mayMeet(compiled(one), compiled(other)), meet)
    assert.equal(mayMeet(compiled(other), compiled(one)), meet)
  })
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { longestSimulation, Simulator } from '../../src/simulation/index.ts'
import {
  alice,
  allowEverything,
  decisionOf,
  entry,
  errorOf,
  policy,
  refusalOf,
  resultsOf,
} from './kit.ts'

function messageOf(document: unknown): string {
  const { Code, Message } = refusalOf({ PolicyInputList: [document] })
  assert.equal(Code, 'MalformedPolicyDocument')
  return Message
}

function statement(change: object): object {
  return policy({ ...allowEverything, ...change })
}

test('refused documents are refused in the words of AWS, with the place and what to write', () => {
  const rows: readonly (readonly [document: unknown, words: string])[] = [
    ['This is not JSON', 'Syntax errors in policy. '],
    ['', 'Syntax errors in policy. '],
    [policy(), 'Syntax errors in policy. '],
    [{ Version: '2012-10-17' }, 'Syntax errors in policy. '],
    [{ Version: '2013-10-17', Statement: allowEverything }, 'Syntax errors in policy. '],
    [{ Statement: allowEverything, Extra: 1 }, 'Syntax errors in policy. '],
    [policy({ Action: '*', Resource: '*' }), 'Syntax errors in policy. '],
    [statement({ Effect: 'allow' }), 'Syntax errors in policy. '],
    [statement({ NotAction: 's3:Put' }), 'Syntax errors in policy. '],
    [statement({ Condition: { StringEqual: { 'a:b': 'c' } } }), 'Syntax errors in policy. '],
    [statement({ NotPrincipal: '*' }), 'Policy document should not specify a principal. '],
    [policy({ Effect: 'Allow', Resource: '*' }), 'Policy statement must contain actions. '],
    [statement({ Action: [] }), 'Policy statement must contain actions. '],
    [policy({ Effect: 'Allow', Action: '*' }), 'Policy statement must contain resources. '],
    [statement({ Resource: [] }), 'Policy statement must contain resources. '],
    [statement({ Action: 'Get' }), 'Actions/Conditions must be prefaced by a vendor, '],
    [statement({ Action: 's3:Get:Object' }), 'Actions/Condition can contain only one colon. '],
    [statement({ Action: 's 3:Get' }), 'Vendor s 3 is not valid '],
    [statement({ Resource: 'x' }), 'Resource x must be in ARN format or "*". '],
    [statement({ Resource: 'aws:s3:::x' }), 'Partition "s3" is not valid for resource '],
    [statement({ Resource: 'arn:aws:*:::x' }), 'Resource vendor must be fully qualified '],
    [statement({ Resource: 'arn:aws' }), 'Resource vendor must be fully qualified '],
    [statement({ Resource: 'arn:aws:s3:x' }), 'The policy failed legacy parsing '],
    [
      statement({ Condition: { DateLessThan: { 'a:b': 'soon' } } }),
      'The policy failed legacy parsing ',
    ],
    [statement({ Principal: '*' }), 'Policy document should not specify a principal. '],
    [statement({ Sid: 'a b' }), 'Statement IDs (SID) must be alpha-numeric. '],
    [
      policy({ ...allowEverything, Sid: 'a' }, { ...allowEverything, Sid: 'a' }),
      'Statement IDs (SID) in a single policy must be unique. ',
    ],
    [`{"Id":"${' '.repeat(131_072)}"}`, 'Syntax errors in policy. '],
  ]
  for (const [document, words] of rows) {
    const message = messageOf(document)
    assert.ok(message.startsWith(words), `${JSON.stringify(document).slice(0, 90)}: ${message}`)
    assert.match(message, /PolicyInputList\.1/)
  }
})

test('resource policies are refused in the words of AWS as well', () => {
  const refused = (change: object): string =>
    refusalOf({
      ResourcePolicy: policy({ Effect: 'Allow', Action: '*', Resource: '*', ...change }),
      CallerArn: alice,
    }).Message
  assert.match(refused({}), /^Missing required field Principal ResourcePolicy\/Statement\/0 \(/)
  assert.match(
    refused({ Principal: { AWS: 'alice' } }),
    /^Invalid principal in policy: "AWS":"alice" /,
  )
  assert.match(refused({ NotPrincipal: '*' }), /^Syntax errors in policy\. .* aws:PrincipalArn/)
})

test('every problem is told with line and column, the first five of many', () => {
  const text =
    '{\n  "Statement": {\n    "Effect": "Allow",\n    "Action": "*",\n    "Resource": "x"\n  }\n}'
  assert.match(messageOf(text), /PolicyInputList\.1\/Statement\/Resource \(line 5, column 17\): /)
  const many = messageOf(statement({ Resource: ['a', 'b', 'c', 'd', 'e', 'f', 'g'] }))
  assert.match(many, / and 2 more$/)
  assert.equal(many.match(/\(line 1, column/g)?.length, 5)
})

test('a key that is written twice is refused, in documents and in requests', () => {
  const twice = '{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Effect":"Deny"}}'
  assert.match(messageOf(twice), /\/Statement\/Effect is written twice, again at line 1, column 69/)
  const request = new Simulator().answer('{"ActionNames":["a:b"],"ActionNames":["c:d"]}')
  assert.equal(errorOf(request).Code, 'InvalidInput')
  assert.match(errorOf(request).Message, /\/ActionNames is written twice, again at line 1/)
  const hidden = '{"Statement":{"__proto__":{"Effect":"Allow"}}}'
  assert.match(messageOf(hidden), /"__proto__" is not allowed/)
})

test('requests that are not requests are invalid input', () => {
  const rows: readonly (readonly [change: object, message: RegExp])[] = [
    [{ ActionNames: undefined }, /^ActionNames is required\.$/],
    [{ ActionNames: [] }, /^ActionNames is required\.$/],
    [{ ActionNames: 's3:GetObject' }, /^ActionNames is "s3:GetObject", expected a list of text$/],
    [{ ActionNames: [1] }, /^ActionNames is a list, expected a list of text$/],
    [{ ActionNames: ['GetObject'] }, /^The action is invalid since it is missing names/],
    [{ ActionNames: [`s3:${'x'.repeat(126)}`] }, /129 characters, expected 3 to 128$/],
    [{ ResourceArns: ['reports'] }, /^ResourceNames are not in a valid ARN format: reports\.$/],
    [{ ResourceArns: ['arn:aws:s3'] }, /^ResourceNames are not in a valid ARN format/],
    [{ ResourceArns: [`arn:aws:s3:::${'x'.repeat(2048)}`] }, /expected 1 to 2048$/],
    [{ PolicyInputList: policy() }, /^PolicyInputList is an object, expected a list$/],
    [{ PolicyInputList: [1] }, /^PolicyInputList\.1 is 1, expected the text of a policy/],
    [
      { ResourcePolicy: policy(allowEverything) },
      /^Invalid caller - Caller cannot be null or empty/,
    ],
    [{ CallerArn: 'alice' }, /^Invalid Entity Arn: alice does not clearly define/],
    [{ CallerArn: 'arn:aws:sts::111111111111:user/alice' }, /^Invalid Entity Arn/],
    [{ CallerArn: 'arn:aws:iam::111111111111:assumed-role/r/s' }, /^Invalid Entity Arn/],
    [{ CallerArn: 'arn:aws:sts::111111111111:assumed-role/r' }, /^Invalid Entity Arn/],
    [{ CallerArn: 'arn:aws:iam::11111111111:user/alice' }, /^Invalid Entity Arn/],
    [{ CallerArn: 1 }, /^CallerArn is 1, expected text$/],
    [{ ResourceOwner: 'me' }, /^'me' is not a valid as a Resource Owner/],
    [{ OrderedOrganizationPolicyInputList: [] }, /^Unknown parameter in input: "Ordered/],
    [{ ContextEntries: {} }, /^ContextEntries is an object, expected a list$/],
    [{ ContextEntries: ['aws:username'] }, /^ContextEntries holds "aws:username"/],
    [{ ContextEntries: [{ ContextKeyValues: ['x'] }] }, /^ContextKeyName cannot be null or empty/],
    [
      { ContextEntries: [entry('a:Key', 'text', 'x')] },
      /^Context key a:Key has invalid type "text"/,
    ],
    [
      { ContextEntries: [{ ContextKeyName: 'a:Key' }] },
      /^The values of the context key a:Key hold/,
    ],
    [
      { ContextEntries: [entry('a:Key', 'string', 'x'), entry('A:KEY', 'string', 'y')] },
      /^Duplicate context key: A:KEY\.$/,
    ],
  ]
  for (const [change, message] of rows) {
    const error = refusalOf(change)
    assert.equal(error.Code, 'InvalidInput', error.Message)
    assert.match(error.Message, message)
  }
  for (const text of ['', 'null', '[]', '"x"', '{', '{"a":1}x', '\u0000']) {
    assert.equal(errorOf(new Simulator().answer(text)).Code, 'InvalidInput', text)
  }
})

test('members of AWS that change nothing here are accepted, and null is absent', () => {
  const PolicyInputList = [policy(allowEverything)]
  const rest = { MaxItems: 1, Marker: 'x', ResourceHandlingOption: 'EC2-VPC' }
  assert.equal(decisionOf({ PolicyInputList, ...rest }), 'allowed')
  const absent = { ResourcePolicy: null, CallerArn: null, ContextEntries: null }
  assert.equal(decisionOf({ PolicyInputList, ...absent }), 'allowed')
})

test('hostile documents are refused without being walked', () => {
  const deep = `{"Statement":${'['.repeat(10_000)}${']'.repeat(10_000)}}`
  assert.match(messageOf(deep), /nested more than 16 levels deep at line 1, column /)
  const wide = statement({ Resource: `arn:aws:s3:::${'*a'.repeat(60_000)}` })
  assert.match(messageOf(wide), /characters, at most 2048 are allowed/)
  const large = statement({ Resource: Array.from({ length: 20_000 }, () => 'arn:aws:s3:::x') })
  assert.match(messageOf(large), /at most 131072 are allowed/)
  const request = (size: number): string => JSON.stringify({ ActionNames: ['x'.repeat(size)] })
  assert.match(
    errorOf(new Simulator().answer(request(10_000_000))).Message,
    /has 10000020 characters, at most 4194304 are allowed/,
  )
  const nested = new Simulator().answer(`{"ActionNames":${'['.repeat(100_000)}`)
  assert.match(errorOf(nested).Message, /nested more than 32 levels deep/)
  assert.equal(longestSimulation, 4 * 1024 * 1024)
})

test('brackets within texts are not taken for nesting', () => {
  const text = `{"Id": "\\"${'['.repeat(40)}", "Version"}`
  assert.match(messageOf(text), /the text stops being JSON at line 1, column 6\d/)
})

test('a request for more than can be answered in bounded time is refused', () => {
  const numbers = (count: number): number[] => [...Array(count).keys()]
  const pairs = {
    ActionNames: numbers(101).map((number) => `s3:Get${number}`),
    ResourceArns: numbers(100).map((number) => `arn:aws:s3:::${number}`),
  }
  assert.match(refusalOf(pairs).Message, /^more than 10000 pairs of ActionNames and ResourceArns$/)
  const many = { ...pairs, ActionNames: pairs.ActionNames.slice(0, 100) }
  const statements = numbers(1500).map(() => ({ Effect: 'Deny', Action: 'a:b', Resource: '*' }))
  assert.equal(resultsOf({ ...many, PolicyInputList: [policy(...statements)] }).length, 10_000)
  const [text, fact] = [policy(...statements), entry('a:Key', 'string', 'x'.repeat(1000))]
  const large = { ...many, PolicyInputList: [text, text], ContextEntries: [fact] }
  assert.match(refusalOf(large).Message, /^too much to evaluate at once/)
  const facts = { ContextEntries: [entry('a:Key', 'stringList', 'x'.repeat(131_072), 'y')] }
  assert.match(refusalOf(facts).Message, /^ContextEntries hold 131073 characters/)
})

test('a million wildcards, as many as a document can hold, are answered', () => {
  const Resource = Array.from({ length: 60 }, () => `arn:aws:s3:::${'*a'.repeat(1000)}`)
  const ResourceArns = [`arn:aws:s3:::${'a'.repeat(2000)}b`]
  const PolicyInputList = [statement({ Resource })]
  assert.equal(decisionOf({ PolicyInputList, ResourceArns }), 'implicitDeny')
})

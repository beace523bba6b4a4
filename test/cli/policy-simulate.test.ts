import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { program, proofgate, temporaryDirectory } from '../kit/gateway.ts'

const statement = { Effect: 'Allow', Action: 's3:Get*', Resource: '*' }
const request = JSON.stringify({
  PolicyInputList: [{ Version: '2012-10-17', Statement: statement }],
  ActionNames: ['s3:GetObject'],
})
const refused = JSON.stringify({ PolicyInputList: ['{'], ActionNames: ['s3:GetObject'] })

function decisionIn(line: string | undefined): unknown {
  const { EvaluationResults, Error: error } = JSON.parse(line ?? '')
  return EvaluationResults?.[0].EvalDecision ?? error.Code
}

test('one request from a file or from standard input is answered', async () => {
  const cwd = temporaryDirectory()
  writeFileSync(join(cwd, 'request.json'), request)
  const fromFile = await proofgate(['policy', 'simulate', 'request.json'], { cwd })
  const fromInput = await proofgate(['policy', 'simulate'], { cwd, input: request })
  for (const { code, stdout, stderr } of [fromFile, fromInput]) {
    assert.equal(stderr, '')
    assert.equal(code, 0)
    assert.equal(decisionIn(stdout), 'allowed')
  }
})

test('a refused request is told, and ends with 1', async () => {
  const cwd = temporaryDirectory()
  const rows = [
    [refused, 'MalformedPolicyDocument'],
    ['', 'InvalidInput'],
    [`{"ActionNames":["${'x'.repeat(5 * 1024 * 1024)}"]}`, 'InvalidInput'],
  ] as const
  for (const [content, expected] of rows) {
    writeFileSync(join(cwd, 'request.json'), content)
    const { code, stdout } = await proofgate(['policy', 'simulate', 'request.json'], { cwd })
    assert.equal(code, 1)
    assert.equal(decisionIn(stdout), expected)
  }
})

test('a file that is not there is an error with a hint', async () => {
  const cwd = temporaryDirectory()
  const { code, stdout, stderr } = await proofgate(['policy', 'simulate', 'none.json'], { cwd })
  assert.equal(code, 1)
  assert.equal(stdout, '')
  assert.match(stderr, /cannot be read: ENOENT.*\n {2}name a file/)
})

test('with --ndjson every line is answered in its place, whatever it holds', async () => {
  const long = `{"ActionNames":["${'x'.repeat(5 * 1024 * 1024)}"]}`
  const lines = [request, '', 'nonsense', refused, '  ', long, '\uFFFF', `${request}\r`, request]
  const { code, stdout, stderr } = await proofgate(['policy', 'simulate', '--ndjson'], {
    input: lines.join('\n'),
  })
  assert.equal(stderr, '')
  assert.equal(code, 0)
  assert.deepEqual(stdout.trimEnd().split('\n').map(decisionIn), [
    'allowed',
    'InvalidInput',
    'MalformedPolicyDocument',
    'InvalidInput',
    'InvalidInput',
    'allowed',
    'allowed',
  ])
})

test('with --ndjson an answer comes before the next line is written', async () => {
  const child = spawn(process.execPath, [program, 'policy', 'simulate', '--ndjson'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  for (const [line, expected] of [
    [request, 'allowed'],
    [refused, 'MalformedPolicyDocument'],
    [request, 'allowed'],
  ] as const) {
    // Cut in two, as a pipe may do.
    child.stdin.write(line.slice(0, 20))
    child.stdin.write(`${line.slice(20)}\n`)
    const { value } = await answers.next()
    assert.equal(decisionIn(value), expected)
  }
  child.stdin.end()
  assert.deepEqual(await once(child, 'exit'), [0, null])
})

test('bytes that are no text are refused, and the next line is answered', async () => {
  const child = spawn(process.execPath, [program, 'policy', 'simulate', '--ndjson'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.end(Buffer.concat([Buffer.from([0x22, 0xff, 0x22, 0x0a]), Buffer.from(request)]))
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout })) lines.push(line)
  assert.deepEqual(lines.map(decisionIn), ['InvalidInput', 'allowed'])
  assert.match(lines[0] ?? '', /not UTF-8/)
})

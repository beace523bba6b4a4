import { test } from 'node:test'
import assert from 'node:assert/strict'
import { ProofgateError, Secret } from '../../src/core/index.ts'
import { Log } from '../../src/compose/index.ts'
import type { LogLevel } from '../../src/compose/log.ts'

function logAt(level: LogLevel): { log: Log; lines: string[] } {
  const lines: string[] = []
  return {
    log: new Log(
      () => level,
      (line) => lines.push(line),
    ),
    lines,
  }
}

test('a line is one JSON object, whatever is in its values', () => {
  const { log, lines } = logAt('info')
  log.write('info', 'a\nb', { path: '/x\r\n{"level":"fake"}\u2028\u0000' })
  assert.equal(lines.length, 1)
  assert.equal(lines[0]?.split('\n').length, 2)
  const { level, message, path } = JSON.parse(lines[0] ?? '')
  assert.deepEqual([level, message, path], ['info', 'a\nb', '/x\r\n{"level":"fake"}\u2028\u0000'])
})

test('lines below the level are not written', () => {
  const { log, lines } = logAt('warn')
  log.write('debug', 'no')
  log.write('info', 'no')
  log.write('warn', 'yes')
  log.failure('yes', new Error('x'))
  assert.equal(lines.length, 2)
})

test('a secret is never written, in a field or deep inside one', () => {
  const { log, lines } = logAt('info')
  log.write('info', 'x', {
    secret: new Secret('hunter2-hunter2'),
    deep: [{ of: new Secret('hunter2-hunter2') }],
  })
  assert.doesNotMatch(lines.join(''), /hunter2/)
})

test('a failure names everything that led to it', () => {
  const { log, lines } = logAt('error')
  const cause = Object.assign(new Error('disk full'), { code: 'ENOSPC' })
  log.failure('not kept', new ProofgateError('storage.unavailable', 'no answer', { cause }))
  const { error } = JSON.parse(lines[0] ?? '')
  assert.equal(error.code, 'storage.unavailable')
  assert.equal(error.cause.code, 'ENOSPC')
  log.failure('odd', 'a text that was thrown')
  assert.equal(JSON.parse(lines[1] ?? '').error, 'a text that was thrown')
})

test('a line is written even when a value cannot be JSON or points at itself', () => {
  const { log, lines } = logAt('info')
  const ring: Record<string, unknown> = {}
  ring['ring'] = ring
  log.write('error', 'odd', { ring })
  log.write('error', 'large', { size: 1n })
  assert.equal(lines.length, 2)
  for (const line of lines) assert.equal(JSON.parse(line).level, 'error')
  const looped = new Error('looped')
  looped.cause = looped
  log.failure('looped', looped)
  assert.equal(lines.length, 3)
})

test('a field cannot pose as the time, the level or the message of its line', () => {
  const { log, lines } = logAt('info')
  log.write('warn', 'real', { at: 'never', level: 'info', message: 'fake' })
  const { at, level, message } = JSON.parse(lines[0] ?? '')
  assert.deepEqual([level, message], ['warn', 'real'])
  assert.notEqual(at, 'never')
})

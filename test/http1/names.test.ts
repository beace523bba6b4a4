import assert from 'node:assert/strict'
import { test } from 'node:test'

import { NameMemory } from '../../src/http1/index.ts'

function counted(): { memory: NameMemory<string>; asked: string[] } {
  const asked: string[] = []
  const judge = (name: string): string => {
    asked.push(name)
    return name.toLowerCase()
  }
  return { memory: new NameMemory(judge), asked }
}

test('a name is judged once for each of its spellings', () => {
  const { memory, asked } = counted()
  for (const name of ['Host', 'host', 'Host', 'HOST', 'host']) {
    assert.equal(memory.of(name), 'host')
  }
  assert.deepEqual(asked, ['Host', 'host', 'HOST'])
})

test('names of objects are names like others', () => {
  const { memory } = counted()
  for (const name of ['__proto__', 'constructor', 'toString']) {
    assert.equal(memory.of(name), name.toLowerCase())
  }
})

test('a long name is judged each time and not kept', () => {
  const { memory, asked } = counted()
  const long = 'x'.repeat(65)
  memory.of(long)
  memory.of(long)
  assert.equal(asked.length, 2)
})

test('a flood of names is forgotten, and what is said of the others stays the same', () => {
  const { memory, asked } = counted()
  memory.of('Host')
  for (let at = 0; at < 1024; at++) memory.of(`X-${at}`)
  assert.equal(memory.of('Host'), 'host')
  assert.equal(asked.filter((name) => name === 'Host').length, 2)
})

test('a name that is refused is refused again', () => {
  const memory = new NameMemory<true>((name) => {
    if (name === 'bad') throw new Error('refused')
    return true
  })
  assert.throws(() => memory.of('bad'))
  assert.throws(() => memory.of('bad'))
  assert.equal(memory.of('good'), true)
})

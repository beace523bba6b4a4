import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerFields, dateNow } from '../../../src/listener/http2/answer-fields.ts'

test('names are sent in lower case, and those of a connection not at all', () => {
  const dropped = ['Connection', 'close', 'Keep-Alive', 'timeout=5', 'Transfer-Encoding', 'chunked']
  const more = ['Upgrade', 'x', 'TE', 'trailers', 'Proxy-Connection', 'y', 'HTTP2-Settings', 'z']
  const { list } = answerFields(200, ['X-A', 'B', ...dropped, ...more, 'set-cookie', 'a=1'])
  assert.deepEqual(list, [':status', '200', 'x-a', 'B', 'set-cookie', 'a=1'])
})

test('lines that occur twice stay two, and blanks around a value are left out', () => {
  const { list } = answerFields(undefined, ['a', ' \t1 2\t ', 'a', '', 'b', ' ', 'c', '\xa0x'])
  assert.deepEqual(list, ['a', '1 2', 'a', '', 'b', '', 'c', '\xa0x'])
})

test('a length and a date are noticed, however they are spelled', () => {
  const noticed = (...flat: string[]): boolean[] => {
    const { isSized, isDated } = answerFields(200, flat)
    return [isSized, isDated]
  }
  assert.deepEqual(noticed('x', '1'), [false, false])
  assert.deepEqual(noticed('Content-Length', '1'), [true, false])
  assert.deepEqual(noticed('DATE', 'x', 'content-length', '0'), [true, true])
})

test('what no header may hold is thrown at whoever says it, each time', () => {
  for (let n = 0; n < 2; n++) {
    for (const [name, value] of [
      ['', 'x'],
      ['a b', 'x'],
      ['a:', 'x'],
      [':status', '200'],
      ['\xe4', 'x'],
      ['a', 'b\nc'],
      ['a', 'b\rc'],
      ['a', 'b\0c'],
      ['a', '\x7f'],
      ['a', '\u0100'],
    ] as const) {
      assert.throws(() => answerFields(200, ['x', 'y', name, value]), TypeError)
    }
  }
})

test('the date is that of now', () => {
  assert.ok(Math.abs(Date.parse(dateNow()) - Date.now()) < 5000)
})

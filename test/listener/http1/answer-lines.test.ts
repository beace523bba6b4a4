import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AnswerLines, knownLines } from '../../../src/listener/http1/answer-lines.ts'

describe('header lines of an answer', () => {
  it('that are known are found by their very array', () => {
    const headers = ['A', 'b', 'Content-Length', '3']
    const lines = knownLines(headers, 200)
    assert.equal(lines.text, 'A: b\r\nContent-Length: 3\r\n')
    assert.equal(knownLines(headers, 200), lines)
    assert.notEqual(knownLines([...headers], 200), lines)
    assert.equal(knownLines(['A', 'c'], 200).text, 'A: c\r\n')
  })

  it('that are known for one status are not used for another', () => {
    const headers = ['Content-Length', '3']
    assert.equal(knownLines(headers, 200).length, 3)
    assert.deepEqual(knownLines(headers, 204), new AnswerLines())
    assert.equal(knownLines(headers, 200).length, 3)
  })

  it('are known of few arrays only', () => {
    const headers = ['A', 'b']
    const lines = knownLines(headers, 200)
    for (let at = 0; at < 8; at += 1) knownLines(['A', String(at)], 200)
    assert.notEqual(knownLines(headers, 200), lines)
  })

  it('do not change when others are written behind them', () => {
    const headers = ['A', 'caf\xe9']
    for (const id of ['1', '2']) {
      const whole = new AnswerLines(knownLines(headers, 200)).add(
        ['x-request-id', id, 'Connection', 'close', 'Content-Length', '5', 'Date', 'd'],
        200,
      )
      assert.equal(
        whole.text,
        `A: caf\xe9\r\nx-request-id: ${id}\r\nContent-Length: 5\r\nDate: d\r\n`,
      )
      assert.deepEqual([whole.closes, whole.length, whole.hasDate], [true, 5, true])
      const { text, closes, length, hasDate } = knownLines(headers, 200)
      assert.deepEqual([text, closes, length, hasDate], ['A: caf\xe9\r\n', false, undefined, false])
    }
  })

  it('pass on what they say about the message', () => {
    const headers = ['Connection', 'close', 'Content-Length', '5', 'Date', 'd', 'Keep-Alive', 'x']
    const whole = new AnswerLines(knownLines(headers, 200)).add(['A', 'b'], 200)
    assert.equal(whole.text, 'Content-Length: 5\r\nDate: d\r\nA: b\r\n')
    assert.deepEqual([whole.closes, whole.length, whole.hasDate], [true, 5, true])
    const twice = ['content-length', '5']
    assert.throws(() => new AnswerLines(knownLines(headers, 200)).add(twice, 200), TypeError)
  })

  it('are judged whether they are known or not, and what is refused is never known', () => {
    const bad: readonly (readonly string[])[] = [
      ['A', 'b\r\nC: d'],
      ['A', 'b\n'],
      ['A', '\u0100'],
      ['A b', 'c'],
      ['A:', 'b'],
      ['', 'b'],
      ['Content-Length', '-1'],
      ['Content-Length', '1', 'content-length', '1'],
    ]
    for (const headers of bad) {
      for (let times = 0; times < 2; times += 1) {
        assert.throws(() => knownLines(headers, 200), TypeError, JSON.stringify(headers))
        assert.throws(() => new AnswerLines().add(headers, 200), TypeError)
      }
    }
  })
})

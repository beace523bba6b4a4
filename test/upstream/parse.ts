import assert from 'node:assert/strict'

import type { ResponseHead } from '../../src/upstream/index.ts'
import { HeadMemory } from '../../src/upstream/head.ts'
import { ResponseParser } from '../../src/upstream/parser.ts'

export const limit = 2048
/** One for all: what came before must not change what is read. */
const heads = new HeadMemory()

export interface Outcome {
  informational: number[]
  head: ResponseHead | undefined
  body: string
  /** `end`, `end reusable`, `upgraded`, `failed KIND`, `open`. */
  result: string
  trailers: readonly string[]
  leftover: string
}

/** Feeds pieces to a parser and notes everything it says. */
export function parsePieces(
  pieces: readonly Buffer[],
  { method = 'GET', upgrade, closed = false }: Expectation = {},
): Outcome {
  const outcome: Outcome = {
    informational: [],
    head: undefined,
    body: '',
    result: 'open',
    trailers: [],
    leftover: '',
  }
  const settle = (result: string): void => {
    assert.equal(outcome.result, 'open', `said ${result} after ${outcome.result}`)
    outcome.result = result
  }
  const parser = new ResponseParser(
    {
      informational: (status) => outcome.informational.push(status),
      head(head) {
        assert.equal(outcome.head, undefined, 'a second head')
        outcome.head = head
      },
      text(body) {
        assert.notEqual(body, '', 'an empty body')
        outcome.body += body
      },
      data(view) {
        assert.ok(view.length > 0, 'an empty piece of body')
        outcome.body += view.toString('latin1')
      },
      end(trailers, reusable) {
        outcome.trailers = trailers
        settle(reusable ? 'end reusable' : 'end')
      },
      upgraded(head, leftover) {
        outcome.head = head
        outcome.leftover = leftover.toString('latin1')
        settle('upgraded')
      },
      failed: (kind) => settle(`failed ${kind}`),
    },
    limit,
    heads,
  )
  parser.begin({ headRequest: method === 'HEAD', upgrade })
  for (const piece of pieces) {
    if (outcome.result !== 'open') {
      // What comes once a response is over is the connection's to judge: it is excess.
      if (outcome.result === 'end reusable') outcome.result = 'end'
      if (outcome.result === 'upgraded') outcome.leftover += piece.toString('latin1')
      continue
    }
    parser.feed(piece)
  }
  if (closed) parser.finish()
  return outcome
}

export interface Expectation {
  method?: string
  upgrade?: string
  closed?: boolean
}

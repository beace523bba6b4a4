import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { changesOf } from '../../bench/history.ts'
import type { Entry } from '../../bench/history.ts'
import { resultsPage } from '../../bench/results-page.ts'
import { drawRatios } from '../../bench/ratios-svg.ts'
import { parseH2load } from '../../bench/sections/http2.ts'

function entry(ratios: Readonly<Record<string, number>>, changes: Partial<Entry> = {}): Entry {
  const usual = {
    date: '2026-01-02T03:04:05Z',
    commit: 'abc',
    cpu: 'A',
    cores: 2,
    node: 'v26',
    usedByOthers: 0,
  }
  return { ...usual, ratios, ...changes }
}

describe('the history of ratios', () => {
  it('compares with the median of the last runs, so that one odd run changes little', () => {
    const entries = [9, 2, 2.2, 50, 1.8].map((ratio) => entry({ a: ratio }))
    const [change] = changesOf(entries, entry({ a: 2.5 }), 3)
    assert.deepEqual(change, { name: 'a', before: 2.2, now: 2.5, percent: 13.6 })
  })

  it('leaves out other processors, and ratios nobody measured before', () => {
    const entries = [
      entry({ a: 1 }, { cpu: 'B' }),
      entry({ a: 1 }, { cores: 8 }),
      entry({ other: 1 }),
    ]
    assert.deepEqual(changesOf(entries, entry({ a: 2, b: 3 })), [])
    assert.deepEqual(changesOf([], entry({ a: 2 })), [])
  })
})

describe('the picture of a run', () => {
  const figures = { requestsPerSecond: 1, p50Millis: 1, p99Millis: 1 }
  const subjects = [
    { name: 'proofgate', cpuMicrosPerRequest: 60, ...figures },
    { name: '<b>&"', cpuMicrosPerRequest: 10, ...figures },
  ]

  it('draws the cheapest first, and every other as a multiple of it', () => {
    const picture = drawRatios({ subjects, ratios: {}, sections: [] }, entry({}))
    assert.match(picture, /^<svg xmlns=/)
    assert.match(picture, /10 µs, 1\.0 ×[\s\S]*60 µs, 6\.0 ×/)
    assert.match(picture, /prefers-color-scheme: dark/)
  })

  it('writes names as text, whatever they hold', () => {
    const picture = drawRatios({ subjects, ratios: {}, sections: [] }, entry({}, { cpu: '<x>' }))
    assert.match(picture, /&lt;b&gt;&amp;&quot;/)
    assert.doesNotMatch(picture, /<b>|<x>/)
  })
})

describe('the page of a run', () => {
  const report = {
    subjects: [],
    ratios: { 'a/b': 2 },
    sections: [
      {
        title: 'Growth',
        rows: [
          { name: 'ten | <b>', figures: { us: 1 } },
          { name: 'none', figures: { note: 'not available' } },
        ],
        ratios: {},
      },
    ],
  }

  it('has a table for each section, and text that cannot leave its cell', () => {
    const page = resultsPage(report, entry({}))
    assert.match(page, /\n## Growth\n\n\| \| us \| note \|\n\| --- \| ---: \| ---: \|\n/)
    assert.match(page, /\n\| ten \\\| &lt;b> \| 1 \|  \|\n\| none \|  \| not available \|\n/)
    assert.match(page, /\| a\/b \| 2\.00 \|\n$/)
  })

  it('warns when others used much of the machine, and only then', () => {
    assert.doesNotMatch(resultsPage(report, entry({})), /say little/)
    assert.match(resultsPage(report, entry({}, { usedByOthers: 0.4 })), /40 % .* say little/)
  })
})

describe('what h2load says', () => {
  const said = (counts: string, codes: string): string =>
    `requests: 9 total, 9 started, 9 done, ${counts}\nstatus codes: ${codes}\n`
  const good = '9 succeeded, 0 failed, 0 errored, 0 timeout'

  it('is read as the number of requests that succeeded', () => {
    assert.equal(parseH2load(said(good, '9 2xx, 0 3xx, 0 4xx, 0 5xx')), 9)
    // One more was answered when time was up, and is not among those that it counts.
    assert.equal(parseH2load(said(good, '10 2xx, 0 3xx, 0 4xx, 0 5xx')), 9)
  })

  const refused: Readonly<Record<string, string>> = {
    nothing: '',
    'a report without status codes': said(good, ''),
    'no request at all': said(
      '0 succeeded, 0 failed, 0 errored, 0 timeout',
      '0 2xx, 0 3xx, 0 4xx, 0 5xx',
    ),
    'a failed request': said(
      '9 succeeded, 1 failed, 0 errored, 0 timeout',
      '9 2xx, 0 3xx, 0 4xx, 0 5xx',
    ),
    'a late request': said(
      '9 succeeded, 0 failed, 0 errored, 1 timeout',
      '9 2xx, 0 3xx, 0 4xx, 0 5xx',
    ),
    'an answer that refuses': said(good, '8 2xx, 0 3xx, 1 4xx, 0 5xx'),
  }
  for (const [what, text] of Object.entries(refused)) {
    it(`gives no figure for ${what}`, () => {
      assert.throws(() => parseH2load(text))
    })
  }
})

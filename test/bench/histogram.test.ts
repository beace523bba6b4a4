import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assert as assertProperty, integer, property } from 'fast-check'
import { Histogram } from '../../bench/histogram.ts'

function of(values: Iterable<number>): Histogram {
  const histogram = new Histogram()
  for (const value of values) histogram.record(value)
  return histogram
}

describe('the histogram of latencies', () => {
  it('tells percentiles of small values exactly', () => {
    const histogram = of(Array.from({ length: 1000 }, (_, index) => index + 1))
    assert.equal(histogram.percentile(50), 500)
    assert.equal(histogram.percentile(99), 990)
    assert.equal(histogram.percentile(100), 1000)
    assert.equal(histogram.percentile(0), 1)
    assert.equal(histogram.total, 1000)
  })

  it('keeps every value to within 1/512 of itself', () => {
    assertProperty(
      property(integer({ min: 0, max: 2 ** 36 }), (value) => {
        // A larger value beside it, so that the answer is a bucket's and not the largest value seen.
        const kept = of([value, 2 ** 36]).percentile(50)
        assert.ok(Math.abs(kept - value) <= value / 512, `${value} is kept as ${kept}`)
      }),
    )
  })

  it('never answers more than the largest value it was given', () => {
    assert.equal(of([1_048_576]).percentile(99), 1_048_576)
  })

  it('does not let one stalled request hide: 1 in 100 is the 99.5th percentile', () => {
    const histogram = of([...Array.from({ length: 99 }, () => 100), 5_000_000])
    assert.equal(histogram.percentile(99), 100)
    assert.ok(histogram.percentile(99.5) > 4_900_000)
    assert.equal(histogram.largest, 5_000_000)
  })

  it('takes what is negative as nothing and what is beyond measure as the most it can say', () => {
    assert.equal(of([-5]).percentile(50), 0)
    assert.equal(of([Infinity]).percentile(50), 2 ** 36)
    assert.equal(of([1.9]).percentile(50), 1)
  })

  it('has no percentile of nothing', () => {
    assert.ok(Number.isNaN(of([]).percentile(50)))
  })
})

import assert from 'node:assert/strict'
import { describe, mock, test } from 'node:test'
import { systemClock } from '../../src/core/index.ts'

/** Runs `work` with a wall clock that can be set; the monotonic one goes on by itself. */
function withWallClock(work: (set: (at: number) => void) => void): void {
  let at = 1_800_000_000_000
  const wall = mock.method(Date, 'now', () => at)
  try {
    work((value) => {
      at = value
      // It looks at the wall clock once in a millisecond.
      const begin = performance.now()
      while (performance.now() - begin < 1.1);
    })
  } finally {
    wall.mock.restore()
  }
}

describe('the clock', () => {
  test('follows the wall clock forward', () => {
    withWallClock((set) => {
      const clock = systemClock()
      set(1_800_000_010_000)
      assert.equal(clock.now(), 1_800_000_010_000)
      set(1_800_003_600_000)
      assert.equal(clock.now(), 1_800_003_600_000)
    })
  })

  test('does not follow it back: what has expired stays so', () => {
    withWallClock((set) => {
      const clock = systemClock()
      const before = clock.now()
      for (const back of [60, 1000, 3_600_000, 86_400_000]) {
        set(1_800_000_000_000 - back)
        assert.ok(clock.now() >= before, `${back} ms back`)
        assert.ok(clock.now() < before + 60_000, 'and goes on from where it was')
      }
      set(1_800_000_100_000)
      assert.equal(clock.now(), 1_800_000_100_000, 'until the wall clock has caught up')
    })
  })

  test('begins no earlier than an earlier run has got', () => {
    withWallClock((set) => {
      const clock = systemClock(1_800_000_500_000)
      assert.ok(clock.now() >= 1_800_000_500_000)
      set(1_800_000_400_000)
      assert.ok(clock.now() >= 1_800_000_500_000)
      set(1_800_000_600_000)
      assert.equal(clock.now(), 1_800_000_600_000)
    })
  })

  test('never answers less than before, whatever the wall clock does', () => {
    withWallClock((set) => {
      const clock = systemClock()
      let last = 0
      for (let step = 0; step < 2000; step++) {
        set(1_800_000_000_000 + Math.round(Math.sin(step) * 100_000))
        const now = clock.now()
        assert.ok(now >= last, `step ${step}`)
        last = now
      }
    })
  })
})

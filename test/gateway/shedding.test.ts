import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { millis } from '../../src/core/index.ts'
import { Pressure } from '../../src/gateway/shed/pressure.ts'
import { Shedding } from '../../src/gateway/shed/shedding.ts'

const calm = { delay: 0, memory: 0.5 }
const late = { delay: 1, memory: 0.5 }
const full = { delay: 0, memory: 1 }

function levels(...looks: readonly (typeof calm)[]): number[] {
  const pressure = new Pressure()
  return looks.map((look) => {
    pressure.look(look)
    return pressure.level
  })
}

const times = (count: number, look: typeof calm): (typeof calm)[] =>
  Array.from({ length: count }, () => look)

function raised(to: number): Pressure {
  const pressure = new Pressure()
  for (const look of times(5 * to, late)) pressure.look(look)
  assert.equal(pressure.level, to)
  return pressure
}

describe('pressure', () => {
  it('rises one priority at a time for as long as the process is late', () => {
    const seen = levels(...times(20, late))
    assert.deepEqual(
      seen.flatMap((level, look) => (level === (seen[look - 1] ?? 0) ? [] : [[look + 1, level]])),
      [
        [5, 1],
        [10, 2],
        [15, 3],
      ],
    )
  })

  it('rises when memory is short, and when one reason follows the other', () => {
    assert.equal(levels(...times(5, full)).at(-1), 1)
    assert.equal(levels(...times(3, full), ...times(2, late)).at(-1), 1)
  })

  it('takes no pause for overload, however often there is one', () => {
    const pauses = Array.from({ length: 20 }, () => [...times(4, late), calm]).flat()
    assert.deepEqual(new Set(levels(...pauses)), new Set([0]))
  })

  it('falls one priority at a time, when it has been calm for long enough', () => {
    const pressure = raised(2)
    for (const look of times(9, calm)) pressure.look(look)
    assert.equal(pressure.level, 2)
    pressure.look(calm)
    assert.equal(pressure.level, 1)
    for (const look of times(10, calm)) pressure.look(look)
    assert.equal(pressure.level, 0)
    for (const look of times(20, calm)) pressure.look(look)
    assert.equal(pressure.level, 0)
  })

  it('stays where it is just below the limit', () => {
    for (const near of [
      { delay: 0.6, memory: 0.5 },
      { delay: 0, memory: 0.97 },
    ]) {
      const pressure = raised(1)
      for (const look of times(100, near)) pressure.look(look)
      assert.equal(pressure.level, 1)
    }
  })

  it('begins to count calm anew after each strain', () => {
    const pressure = raised(1)
    for (let round = 0; round < 5; round++) {
      for (const look of [...times(9, calm), late]) pressure.look(look)
    }
    assert.equal(pressure.level, 1)
  })
})

describe('shedding', () => {
  const limits = { inFlight: 10, eventLoopDelay: millis(20), memory: 0.99 }

  it('refuses nobody while there is room', () => {
    const shedding = new Shedding(limits)
    shedding.inFlight = () => 10
    for (const level of [1, 2, 3] as const) assert.equal(shedding.refusal(level), undefined)
    assert.equal(shedding.refused, 0)
  })

  it('refuses every priority when too many are under way, and says when to come back', () => {
    const shedding = new Shedding(limits)
    shedding.inFlight = () => 11
    for (const level of [1, 2, 3] as const) {
      const refusal = shedding.refusal(level)
      assert.equal(refusal?.code, 'gateway.overloaded')
      assert.equal(refusal.status, 503)
      assert.match(refusal.headers?.['retry-after'] ?? '', /^[1-9]\d*$/)
    }
    assert.equal(shedding.refused, 3)
  })

  it('notices by itself that the process runs late, and that it no longer does', (context) => {
    let now = performance.now()
    context.mock.method(performance, 'now', () => now)
    context.mock.timers.enable({ apis: ['setInterval'] })
    const shedding = new Shedding({ ...limits, eventLoopDelay: millis(200) })
    shedding.start()
    const look = (late: number): void => {
      now += 100 + late
      context.mock.timers.tick(100)
    }
    for (let looks = 0; looks < 20; looks++) look(100)
    assert.equal(shedding.level, 0, 'late, but not too late')
    for (let looks = 0; looks < 5; looks++) look(200)
    assert.equal(shedding.refusal(1)?.code, 'gateway.overloaded')
    assert.equal(shedding.refusal(3), undefined)
    for (let looks = 0; looks < 10; looks++) look(0)
    assert.equal(shedding.level, 0)
    assert.equal(shedding.refusal(1), undefined)
    shedding.stop()
  })

  it('takes memory over its share for strain', async () => {
    const shedding = new Shedding({ ...limits, eventLoopDelay: millis(60_000), memory: 1e-9 })
    shedding.start()
    while (shedding.level < 3) await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(shedding.refusal(3)?.code, 'gateway.overloaded')
    shedding.stop()
  })
})

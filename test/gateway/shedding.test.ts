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

describe('pressure', () => {
  it('rises one priority at a time for as long as the process is late', () => {
    assert.deepEqual(
      levels(late, late, late, late, late, late, late, late),
      [0, 1, 1, 2, 2, 3, 3, 3],
    )
  })

  it('rises when memory is short, and when one reason follows the other', () => {
    assert.deepEqual(levels(full, full), [0, 1])
    assert.deepEqual(levels(full, late), [0, 1])
  })

  it('takes no single pause for overload', () => {
    assert.deepEqual(levels(late, calm, late, calm, full, calm), [0, 0, 0, 0, 0, 0])
  })

  it('falls one priority at a time, when it has been calm for long enough', () => {
    const pressure = new Pressure()
    for (let look = 0; look < 4; look++) pressure.look(late)
    assert.equal(pressure.level, 2)
    for (let look = 0; look < 9; look++) pressure.look(calm)
    assert.equal(pressure.level, 2)
    pressure.look(calm)
    assert.equal(pressure.level, 1)
    for (let look = 0; look < 10; look++) pressure.look(calm)
    assert.equal(pressure.level, 0)
    for (let look = 0; look < 20; look++) pressure.look(calm)
    assert.equal(pressure.level, 0)
  })

  it('stays where it is just below the limit', () => {
    for (const near of [
      { delay: 0.6, memory: 0.5 },
      { delay: 0, memory: 0.97 },
    ]) {
      const pressure = new Pressure()
      for (let look = 0; look < 2; look++) pressure.look(late)
      for (let look = 0; look < 100; look++) pressure.look(near)
      assert.equal(pressure.level, 1)
    }
  })

  it('begins to count calm anew after each strain', () => {
    const pressure = new Pressure()
    for (let look = 0; look < 2; look++) pressure.look(late)
    for (let round = 0; round < 5; round++) {
      for (let look = 0; look < 9; look++) pressure.look(calm)
      pressure.look(late)
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

  it('notices by itself that the process runs late, and that it no longer does', async () => {
    const shedding = new Shedding({ ...limits, eventLoopDelay: millis(50) })
    shedding.start()
    while (shedding.level < 1) {
      const end = performance.now() + 300
      while (performance.now() < end);
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.equal(shedding.refusal(1)?.code, 'gateway.overloaded')
    assert.equal(shedding.refusal(3)?.code, shedding.level === 3 ? 'gateway.overloaded' : undefined)
    while (shedding.level > 0) await new Promise((resolve) => setTimeout(resolve, 50))
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

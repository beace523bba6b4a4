import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Split } from '../../src/gateway/forward/split.ts'
import type { Destination } from '../../src/gateway/forward/split.ts'

function destination(upstreamName: string): Destination {
  return {
    upstream: undefined as unknown as Destination['upstream'],
    upstreamName,
    upstreamAuthority: '',
    writesForwarded: false,
  }
}

function split(salt: string, weights: Readonly<Record<string, number>>): Split {
  const [first, ...others] = Object.entries(weights).map(([name, weight]) => ({
    destination: destination(name),
    weight,
  }))
  assert.ok(first)
  return new Split(salt, [first, ...others])
}

const people = Array.from({ length: 20_000 }, (_, n) => `person-${n}`)

function sides(of: Split): string[] {
  return people.map((key) => of.choose({ kind: 'person', key }, '192.0.2.1').upstreamName)
}

describe('a split', () => {
  it('divides people about as its weights say', () => {
    for (const [old, fresh] of [
      [95, 5],
      [50, 50],
      [999, 1],
      [1, 0.5],
    ] as const) {
      const share = sides(split('api', { old, fresh })).filter((name) => name === 'fresh').length
      const expected = (fresh / (old + fresh)) * people.length
      assert.ok(Math.abs(share - expected) < 5 * Math.sqrt(expected) + 10, `${share}, ${expected}`)
    }
  })

  it('keeps everybody on one side, whatever address they come from', () => {
    const one = split('api', { old: 50, fresh: 50 })
    for (const key of people.slice(0, 100)) {
      const first = one.choose({ kind: 'person', key }, '192.0.2.1')
      assert.equal(one.choose({ kind: 'person', key }, '198.51.100.7'), first)
    }
    assert.deepEqual(sides(split('api', { old: 50, fresh: 50 })), sides(one))
  })

  it('moves only as many as a new weight needs, and all in one direction', () => {
    const before = sides(split('api', { old: 95, fresh: 5 }))
    const after = sides(split('api', { old: 80, fresh: 20 }))
    for (const [index, side] of before.entries()) {
      if (side === 'fresh') assert.equal(after[index], 'fresh')
    }
  })

  it('does not make the same people the first of everything', () => {
    const one = sides(split('one', { old: 90, fresh: 10 }))
    const other = sides(split('other', { old: 90, fresh: 10 }))
    const both = one.filter((side, at) => side === 'fresh' && other[at] === 'fresh').length
    assert.ok(both > 100 && both < 350, String(both))
  })

  it('divides those whom nobody knows by their address, IPv6 by network', () => {
    const one = split('api', { old: 50, fresh: 50 })
    const nobody = { kind: 'anonymous', key: 'anonymous' } as const
    const names = new Set<string>()
    for (let n = 0; n < 100; n++) {
      names.add(one.choose(nobody, `192.0.2.${n}`).upstreamName)
      const near = one.choose(nobody, `2001:db8:0:${n}::1`)
      assert.equal(one.choose(nobody, `2001:db8:0:${n}:ffff::2`), near)
    }
    assert.deepEqual([...names].sort(), ['fresh', 'old'])
  })
})

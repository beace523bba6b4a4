import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Interned, isMetOften, Recently, Slot, SlotKey } from '../../src/core/index.ts'
import type { Meetable } from '../../src/core/index.ts'

describe('a slot', () => {
  it('is read with the key it was written with, and with no other', () => {
    const [key, other] = [new SlotKey<string>(), new SlotKey<string>()]
    const slot = new Slot()
    assert.equal(slot.read(key), undefined)
    slot.write(key, 'worked out')
    assert.equal(slot.read(key), 'worked out')
    assert.equal(slot.read(other), undefined)
  })

  it('holds one value: the last that was written', () => {
    const [key, other] = [new SlotKey<string>(), new SlotKey<string>()]
    const slot = Object.freeze(new Slot())
    slot.write(key, 'before')
    slot.write(other, 'after')
    assert.equal(slot.read(key), undefined)
    assert.equal(slot.read(other), 'after')
  })
})

describe('what is interned', () => {
  it('is the same object for equal lists, frozen, and another for others', () => {
    const interned = new Interned()
    const list = interned.list(['a', 'b'])
    assert.equal(interned.list(['a', 'b']), list)
    assert.ok(Object.isFrozen(list))
    for (const other of [['b', 'a'], ['a', 'b', 'b'], ['a,b'], ['ab'], ['a'], []]) {
      assert.deepEqual(interned.list(other), other)
      assert.notEqual(interned.list(other), list)
    }
  })

  it('never shares a list with whoever brought it', () => {
    const interned = new Interned()
    const brought = ['a']
    const list = interned.list(brought)
    brought.push('admins')
    assert.deepEqual(list, ['a'])
  })

  it('is bounded: it begins anew when it is full, and long lists are not held', () => {
    const interned = new Interned(2)
    const list = interned.list(['a'])
    interned.list(['b'])
    assert.equal(interned.list(['a']), list)
    interned.list(['c'])
    assert.notEqual(interned.list(['a']), list)
    const long = ['x'.repeat(600)]
    assert.notEqual(interned.list(long), interned.list(long))
    assert.ok(Object.isFrozen(interned.list(long)))
  })
})

class Somebody implements Meetable {
  meeting = 0
  lettingGo = 0
  letGo(): void {
    this.lettingGo += 1
  }
}

describe('who was met recently', () => {
  const meetTwice = (recently: Recently<Somebody>): Somebody => {
    const one = new Somebody()
    assert.deepEqual([recently.meet(one), recently.meet(one)], [false, true])
    return one
  }

  it('is known from the second time on', () => {
    const recently = new Recently<Somebody>(2)
    const one = new Somebody()
    assert.deepEqual(
      [1, 2, 3].map(() => recently.meet(one)),
      [false, true, true],
    )
    assert.ok(isMetOften(one))
    assert.equal(one.lettingGo, 0)
  })

  it('is new again when so many others came in between, and not before', () => {
    const recently = new Recently<Somebody>(3)
    const [one, other] = [new Somebody(), new Somebody()]
    recently.meet(one)
    recently.meet(other)
    recently.meet(new Somebody())
    assert.equal(recently.meet(one), true)
    recently.meet(new Somebody())
    assert.equal(recently.meet(other), false)
    assert.deepEqual([isMetOften(other), other.lettingGo], [false, 0])
    assert.equal(recently.meet(other), true)
  })

  it('goes when others took its place, is told, and is then new again', () => {
    const recently = new Recently<Somebody>(2)
    const [one, second] = [meetTwice(recently), meetTwice(recently)]
    for (let others = 0; others < 10; others++) recently.meet(new Somebody())
    assert.ok(isMetOften(one) && isMetOften(second))
    meetTwice(recently)
    assert.deepEqual([isMetOften(one), one.lettingGo], [false, 1])
    assert.deepEqual([isMetOften(second), second.lettingGo], [true, 0])
    assert.equal(recently.meet(one), false)
  })

  it('is new again after all were forgotten, met once or often', () => {
    const recently = new Recently<Somebody>(2)
    const [often, once] = [meetTwice(recently), new Somebody()]
    recently.meet(once)
    recently.forget()
    assert.equal(often.lettingGo, 1)
    assert.deepEqual([recently.meet(once), recently.meet(often)], [false, false])
    assert.equal(once.lettingGo, 0)
  })

  it('is forgotten when all are', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const recently = new Recently<Somebody>(4)
    const met = meetOnce(recently)
    recently.forget()
    for (let tries = 0; met.deref() !== undefined && tries < 100; tries++) {
      await new Promise(setImmediate)
      collect()
    }
    assert.equal(met.deref(), undefined)
    for (let other = 0; other < 5; other++) recently.meet(new Somebody())
  })
})

function meetOnce(recently: Recently<Somebody>): WeakRef<Somebody> {
  const one = new Somebody()
  recently.meet(one)
  recently.meet(one)
  return new WeakRef(one)
}

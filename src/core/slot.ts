/**
 * A place that goes along with an object and holds what somebody else worked out from it, for as long as the
 * object lives. It is written on even where the object is frozen.
 */
export class Slot {
  #key: object | undefined
  #value: unknown

  /** What was written under this very key; a slot holds one value. */
  read<Value>(key: SlotKey<Value>): Value | undefined {
    return this.#key === key ? (this.#value as Value) : undefined
  }

  write<Value>(key: SlotKey<Value>, value: Value): void {
    this.#key = key
    this.#value = value
  }
}

/** Whoever has the key reads what was written with it: a new key makes all of it unreadable at once. */
export class SlotKey<Value> {
  declare readonly holds: Value
}

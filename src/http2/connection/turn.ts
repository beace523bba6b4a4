/** Something with bytes to send once everybody has had a say in this turn of the event loop. */
export interface Flushing {
  flush(): void
}

let due: Flushing[] = []

/**
 * Calls `flush` when everything that arrived in this turn of the event loop has been looked at: what was said
 * in one turn leaves in one write. One timer of the runtime serves all connections.
 */
export function flushAfterTurn(one: Flushing): void {
  if (due.push(one) === 1) setImmediate(flushAll)
}

function flushAll(): void {
  const all = due
  due = []
  for (const one of all) one.flush()
}

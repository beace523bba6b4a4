/** The orders themselves: a bounded list in memory and the rule of what an order may look like. */

/** An order as it is stored and answered. `createdAt` is an ISO 8601 instant in UTC. */
export interface Order {
  readonly id: number
  readonly item: string
  readonly quantity: number
  readonly createdAt: string
}

/** What a caller may choose about an order. */
export type OrderDraft = Pick<Order, 'item' | 'quantity'>

const CAPACITY = 1000
const ITEM_LIMIT_CHARACTERS = 100
const QUANTITY_LIMIT = 1000

/** Orders by number, lost when the process ends. Holds at most 1,000. */
export class OrderBook {
  readonly #orders = new Map<number, Order>()
  #lastId = 0

  list(): readonly Order[] {
    return [...this.#orders.values()]
  }

  load(id: number): Order | undefined {
    return this.#orders.get(id)
  }

  /** Adds an order; `undefined` when the book is full. */
  add(draft: OrderDraft): Order | undefined {
    if (this.#orders.size >= CAPACITY) return undefined
    this.#lastId += 1
    const order = { id: this.#lastId, ...draft, createdAt: new Date().toISOString() }
    this.#orders.set(order.id, order)
    return order
  }

  /** Removes an order; `false` when there was none. */
  remove(id: number): boolean {
    return this.#orders.delete(id)
  }
}

/** Reads a draft out of parsed JSON; answers the problem as a sentence when it is not one. */
export function parseOrderDraft(json: unknown): OrderDraft | string {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return 'An order is a JSON object with "item" and "quantity".'
  }
  const { item, quantity, ...others } = json as Record<string, unknown>
  const unknownName = Object.keys(others)[0]
  if (unknownName !== undefined) return `"${unknownName}" is not part of an order.`
  if (typeof item !== 'string' || item.trim() === '' || item.length > ITEM_LIMIT_CHARACTERS) {
    return `"item" must be a text of 1 to ${ITEM_LIMIT_CHARACTERS} characters.`
  }
  if (!isQuantity(quantity)) return `"quantity" must be a whole number from 1 to ${QUANTITY_LIMIT}.`
  return { item, quantity }
}

function isQuantity(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= QUANTITY_LIMIT
}

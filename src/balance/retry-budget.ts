/** A retry costs what this many shares of a request earn. */
const capacity = 100
const reserve = 10

/**
 * Keeps retries a bounded part of the requests, so that a service in trouble is not given more work: each
 * request earns a share of a retry, and what is earned is kept up to a hundred retries.
 */
export class RetryBudget {
  readonly #share: number
  #tokens: number

  /** @param share - retries per request, 0 to 1. Begins with ten, or who starts could retry nothing. */
  constructor(share: number) {
    this.#share = share
    this.#tokens = share > 0 ? reserve : 0
  }

  earn(): void {
    this.#tokens = Math.min(capacity, this.#tokens + this.#share)
  }

  /** @returns false when there is nothing left. */
  spend(): boolean {
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}

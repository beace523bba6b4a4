import type { Refusal } from '../core/index.ts'
import { httpErrors, matchPath } from '../http/index.ts'
import type { AdminParts } from './operation.ts'

/**
 * Every administrative operation by method and path. The admin listener and the command line call the same
 * one, so that both do the same thing. They are loaded with the first: most servers are never asked.
 */
export class Administration {
  readonly #parts: AdminParts

  constructor(parts: AdminParts) {
    this.#parts = parts
  }

  /** The answer's JSON, or a refusal. */
  async run(
    method: string,
    path: string,
    body: Readonly<Record<string, unknown>>,
  ): Promise<unknown> {
    const { operations } = await import('./operations/all.ts')
    for (const [key, operation] of operations) {
      const [wanted = '', pattern = ''] = key.split(' ')
      const parameters = wanted === method ? matchPath(pattern, path) : undefined
      if (parameters !== undefined) return operation(this.#parts, { parameters, body })
    }
    const missing: Refusal = httpErrors.refuse('not_found')
    return missing
  }
}

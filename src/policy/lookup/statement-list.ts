import type { CompiledStatement } from '../compile.ts'
import { selects } from '../match.ts'
import { ResourceTable } from './resource-table.ts'

/** Lists up to this long are walked: that is quicker than looking anything up. */
const shortList = 16
/** Actions are names in our own code; more than these share one table. */
const mostActions = 64

/**
 * The statements of one effect. Of a long list only those are tried for a request that could apply to it,
 * so that a decision costs about the same whether a principal has ten statements or ten thousand.
 */
export class StatementList {
  readonly all: readonly CompiledStatement[]
  readonly #byAction = new Map<string, ResourceTable>()
  #forAny: ResourceTable | undefined

  constructor(all: readonly CompiledStatement[]) {
    this.all = all
  }

  /**
   * In the order they were written, every statement but such as surely do not apply.
   *
   * Invariant: what is left out misses by its action or its resource, without a fact of the request being
   * read: so leaving it out changes neither the decision, nor its reason, nor whether evaluation fails.
   *
   * @param action - in lower case.
   */
  candidates(action: string, resource: string): readonly CompiledStatement[] {
    if (this.all.length <= shortList) return this.all
    return this.#tableFor(action).candidates(resource)
  }

  /**
   * Makes ready for an action that is going to be asked for, so that no request waits for it.
   *
   * @param action - in lower case.
   */
  prepare(action: string): void {
    if (this.all.length > shortList) this.#tableFor(action)
  }

  #tableFor(action: string): ResourceTable {
    const known = this.#byAction.get(action)
    if (known !== undefined) return known
    if (this.#byAction.size >= mostActions) {
      this.#forAny ??= new ResourceTable(this.all)
      return this.#forAny
    }
    const table = new ResourceTable(
      this.all.filter((statement) => selects(statement.action, action, noFacts)),
    )
    this.#byAction.set(action, table)
    return table
  }
}

/** Patterns of actions have no variables, so they ask for none. */
function noFacts(): undefined {
  return undefined
}

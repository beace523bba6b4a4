import type { Refusal } from '../core/index.ts'
import { httpErrors, matchPath } from '../http/index.ts'
import { credentialReport } from './credential-report.ts'
import { credentialOperations } from './credentials.ts'
import { explainOperations } from './explain.ts'
import { keyOperations } from './keys.ts'
import { leavingOperations } from './leaving.ts'
import { metadataOperations } from './metadata.ts'
import type { AdminParts, Operation } from './operation.ts'
import { peopleOperations } from './people.ts'
import { policyAnswers } from './policy-answers.ts'
import { policyOperations } from './policy-operations.ts'
import { recoveryOperations } from './recoveries.ts'
import { roleOperations } from './roles.ts'
import { sealingOperations } from './sealing.ts'
import { serverOperations } from './server-operations.ts'
import { signalOperations } from './signals.ts'
import { sessionOperations } from './sessions.ts'

const operations: ReadonlyMap<string, Operation> = new Map(
  [
    peopleOperations,
    leavingOperations,
    credentialReport,
    recoveryOperations,
    sealingOperations,
    credentialOperations,
    sessionOperations,
    keyOperations,
    metadataOperations,
    explainOperations,
    roleOperations,
    policyOperations,
    policyAnswers,
    serverOperations,
    signalOperations,
  ].flatMap((table) => Object.entries(table)),
)

/**
 * Every administrative operation by method and path. The admin listener and the command line call the same
 * one, so that both do the same thing.
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
    for (const [key, operation] of operations) {
      const [wanted = '', pattern = ''] = key.split(' ')
      const parameters = wanted === method ? matchPath(pattern, path) : undefined
      if (parameters !== undefined) return operation(this.#parts, { parameters, body })
    }
    const missing: Refusal = httpErrors.refuse('not_found')
    return missing
  }
}

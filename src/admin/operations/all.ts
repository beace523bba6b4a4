import { credentialReport } from '../credential-report.ts'
import { credentialOperations } from '../credentials.ts'
import { explainOperations } from '../explain.ts'
import { keyOperations } from '../keys.ts'
import { leavingOperations } from '../leaving.ts'
import { metadataOperations } from '../metadata.ts'
import type { Operation } from '../operation.ts'
import { peopleOperations } from '../people.ts'
import { policyAnswers } from '../policy-answers.ts'
import { policyOperations } from '../policy-operations.ts'
import { recoveryOperations } from '../recoveries.ts'
import { roleOperations } from '../roles.ts'
import { sealingOperations } from '../sealing.ts'
import { serverOperations } from '../server-operations.ts'
import { signalOperations } from '../signals.ts'
import { sessionOperations } from '../sessions.ts'

/** Every administrative operation by method and path. */
export const operations: ReadonlyMap<string, Operation> = new Map(
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

import assert from 'node:assert/strict'
import { Simulator } from '../../src/simulation/index.ts'
import type {
  EvaluationResult,
  SimulationAnswer,
  SimulationRefusal,
} from '../../src/simulation/index.ts'

export const account = '111111111111'
export const alice = `arn:aws:iam::${account}:user/alice`
export const bucket = 'arn:aws:s3:::reports'

/** A document of version 2012-10-17. */
export function policy(...statements: readonly object[]): object {
  return { Version: '2012-10-17', Statement: statements }
}

export const allowEverything = { Effect: 'Allow', Action: '*', Resource: '*' }

/** A request about one object, with what the test changes. */
export function requestOf(change: object): object {
  return {
    PolicyInputList: [],
    ActionNames: ['s3:GetObject'],
    ResourceArns: [`${bucket}/1`],
    ...change,
  }
}

export function answerTo(change: object): SimulationAnswer {
  return new Simulator().answer(JSON.stringify(requestOf(change)))
}

/** The results of a request that is not refused. */
export function resultsOf(change: object): readonly EvaluationResult[] {
  const answer = answerTo(change)
  if ('Error' in answer) assert.fail(answer.Error.Message)
  return answer.EvaluationResults
}

/** The only result. */
export function resultOf(change: object): EvaluationResult {
  const [result, ...more] = resultsOf(change)
  assert.equal(more.length, 0)
  assert.ok(result !== undefined)
  return result
}

export function decisionOf(change: object): string {
  return resultOf(change).EvalDecision
}

/** `PolicyInputList.1` and so on. */
export function matchedBy(change: object): readonly string[] {
  return resultOf(change).MatchedStatements.map(({ SourcePolicyId }) => SourcePolicyId)
}

/** Why a request is refused. */
export function refusalOf(change: object): SimulationRefusal['Error'] {
  return errorOf(answerTo(change))
}

export function errorOf(answer: SimulationAnswer): SimulationRefusal['Error'] {
  if (!('Error' in answer)) assert.fail(`not refused: ${JSON.stringify(answer)}`)
  return answer.Error
}

export function entry(name: string, type: string, ...values: readonly string[]): object {
  return { ContextKeyName: name, ContextKeyType: type, ContextKeyValues: values }
}

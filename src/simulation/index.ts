/**
 * Answers in the shape of AWS IAM's `SimulateCustomPolicy`, by the evaluator that decides live requests. Pure, like
 * `policy`: what an answer depends on comes with the request.
 *
 * Guarantees: whatever is asked gets an answer or a refusal in that shape, in bounded time; what cannot be read is
 * refused, never supposed.
 *
 * Does not: know people, routes or the configuration, which is for `analysis`.
 */
export type {
  EvalDecision,
  EvaluationResult,
  MatchedStatement,
  SimulationAnswer,
  SimulationErrorCode,
  SimulationRefusal,
  SimulationResponse,
} from './answer.ts'
export { longestSimulation, refusal, Simulator } from './simulator.ts'

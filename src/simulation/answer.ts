/** What the simulation says of one action on one resource. */
export type EvalDecision = 'allowed' | 'explicitDeny' | 'implicitDeny'

/** Line and column, both from 1; a column counts UTF-16 units. */
export interface Position {
  readonly Line: number
  readonly Column: number
}

/** A statement that led to the decision. */
export interface MatchedStatement {
  /** `PolicyInputList.1`: the member and the place in its list, from 1. */
  readonly SourcePolicyId: string
  readonly SourcePolicyType: string
  /** Of the brace that opens the statement. */
  readonly StartPosition: Position
  /** Just behind the brace that closes it. */
  readonly EndPosition: Position
}

export interface EvaluationResult {
  readonly EvalActionName: string
  readonly EvalResourceName: string
  readonly EvalDecision: EvalDecision
  /** The statements that deny, or else those that allow; none where nothing allows. */
  readonly MatchedStatements: readonly MatchedStatement[]
  /** Keys that statements about this action and resource ask for and the input does not give. */
  readonly MissingContextValues: readonly string[]
  /** What each side says by itself; empty within one account. */
  readonly EvalDecisionDetails: Readonly<Record<string, EvalDecision>>
  readonly PermissionsBoundaryDecisionDetail?: { readonly AllowedByPermissionsBoundary: boolean }
}

export interface SimulationResponse {
  readonly IsTruncated: false
  /** One for each action and resource: all resources of the first action first. */
  readonly EvaluationResults: readonly EvaluationResult[]
}

/** `InvalidInput`: the request; `MalformedPolicyDocument`: a policy in it; `PolicyEvaluation`: our defect. */
export type SimulationErrorCode = 'InvalidInput' | 'MalformedPolicyDocument' | 'PolicyEvaluation'

export interface SimulationRefusal {
  readonly Error: { readonly Code: SimulationErrorCode; readonly Message: string }
}

export type SimulationAnswer = SimulationResponse | SimulationRefusal

/** Ends a simulation; its message becomes the answer. */
export class SimulationError extends Error {
  readonly code: SimulationErrorCode

  constructor(code: SimulationErrorCode, message: string) {
    super(message)
    this.name = 'SimulationError'
    this.code = code
  }
}

export function invalidInput(message: string): SimulationError {
  return new SimulationError('InvalidInput', message)
}

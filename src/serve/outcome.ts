import type { GyreError } from '../core/errors.ts'

/** What became of one request, as a release counts it. */
export interface Outcome {
  readonly project: string
  readonly endpoint: string
  /** The canary's release; null when none runs. */
  readonly releaseId: string | null
  readonly variant: 'stable' | 'canary'
  /** Probability of the canary at that request, in basis points. */
  readonly weightBp: number
  readonly randomised: boolean
  readonly subject: string | null
  /** The arm answered with an error of its own (5xx). */
  readonly failed: boolean
  /** It took longer than the release allows; undefined where that is not looked at. */
  readonly slow: boolean | undefined
  /** Why the arm is out of service, its worker having died again and again; undefined while it works. */
  readonly crashLoop: string | undefined
}

/** Errors that say nothing about the model: a bad request, a full queue, a client that left. */
const NOT_THE_MODELS = new Set(['INVALID_INPUT', 'OVERLOADED', 'CANCELLED'])

/** True for errors that count against the arm that answered with them. */
export function isModelFault(error: GyreError): boolean {
  return !NOT_THE_MODELS.has(error.code)
}

import { errnoOf, toGyreError } from '../core/errors.ts'
import { failureFrom, type StepFailure } from './step-store.ts'

/** Whatever a step threw, as its process reports it: with the code of an error that has one, else as STEP_FAILED. */
export function thrownFailure(thrown: unknown): StepFailure {
  const failure = failureFrom(thrown)
  if (failure.code !== 'INTERNAL' || toGyreError(thrown) === thrown) return failure
  const message = thrown instanceof Error && thrown.stack ? thrown.stack : failure.message
  return { code: errnoOf(thrown) ?? 'STEP_FAILED', message }
}

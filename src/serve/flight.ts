import type { PredictReply } from '@gyre/sdk/wire/predict'
import type { PredictionOutcome, LoggedPrediction } from '../predictions/prediction-row.ts'
import type { Picked } from '../routes/pick.ts'
import type { RoutedEndpoint } from '../routes/snapshot.ts'
import type { Outcome } from './outcome.ts'
import type { Trial } from './shadow.ts'
import type { RowAnswer } from './row-answer.ts'

/** A request on its way through the arm that was picked for it. */
export interface Flight {
  readonly endpoint: RoutedEndpoint
  readonly subject: string | undefined
  /** The request's fields as they came, for the log; undefined where it named none. */
  readonly fields: Readonly<Record<string, unknown>> | undefined
  readonly picked: Picked
  readonly id: string
  readonly receivedMs: number
  /** Event time; undefined when the client gave none. */
  readonly atMs: number | undefined
  /** Monotonic. */
  readonly startedMs: number
}

/** How a flight ended. */
export interface Landing {
  readonly flight: Flight
  readonly outcome: PredictionOutcome
  readonly reasons: readonly string[]
  readonly latencyMs: number
  /** What a shadow may be asked too; undefined where there is none to ask. */
  readonly trial: Trial | undefined
  /** Why the arm has gone out of service. */
  readonly crashLoop: string | undefined
}

export function replyOf(
  id: string,
  picked: Picked,
  { prediction, confidence, score }: RowAnswer,
  reasons: readonly string[],
): PredictReply {
  return {
    prediction_id: id,
    prediction: typeof prediction === 'object' ? [...prediction] : prediction,
    confidence,
    score,
    model_version: picked.model,
    variant: picked.variant,
    quarantined: reasons.length > 0,
    reasons: [...reasons],
  }
}

export function toLogged({ flight, outcome, reasons, latencyMs }: Landing): LoggedPrediction {
  const { endpoint, subject, fields, picked, id, receivedMs, atMs } = flight
  const { model, variant, releaseId, weightBp, sticky, randomised, rev } = picked
  return {
    id,
    project: endpoint.project,
    endpoint: endpoint.name,
    subject: subject ?? null,
    receivedMs,
    atMs,
    model,
    code: endpoint.code,
    variant,
    releaseId,
    weightBp,
    sticky,
    randomised,
    rev,
    outcome,
    quarantined: reasons.length > 0,
    reasons,
    latencyMs,
    fields: fields ?? null,
  }
}

export function toOutcome({ flight, outcome, latencyMs, crashLoop }: Landing): Outcome {
  const { endpoint, subject, picked } = flight
  const { variant, releaseId, weightBp, randomised, slowMs } = picked
  return {
    project: endpoint.project,
    endpoint: endpoint.name,
    releaseId,
    variant,
    weightBp,
    randomised,
    subject: subject ?? null,
    failed: outcome.status === 'error',
    slow: slowMs === undefined ? undefined : latencyMs > slowMs,
    crashLoop,
  }
}

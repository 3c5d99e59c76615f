import type { Clock } from '../core/clock.ts'
import { GyreError } from '../core/errors.ts'
import type { PredictionOutcome } from '../predictions/prediction-row.ts'
import type { Predictions } from '../predictions/predictions.ts'
import { toLogged, toOutcome, type Flight, type Landing } from './flight.ts'
import { isModelFault, type Outcome } from './outcome.ts'
import type { Trial } from './shadow.ts'

export interface LandingsDeps {
  readonly predictions: Pick<Predictions, 'log'>
  readonly clock: Clock
  /** Told of every answered request, after its reply; must not throw. */
  readonly onOutcome: (outcome: Outcome) => void
  /** Given what a shadow may be asked too, after the outcome. */
  readonly offer: (trial: Trial, latencyMs: number) => void
  /** Why the arm of a flight that has failed is out of service, if it is. */
  readonly crashLoopOf: (flight: Flight) => string | undefined
}

/** Where flights end: logged and counted. */
export interface Landings {
  /** Logs and counts once the reply is out, those of one turn of the event loop together. */
  readonly land: (
    flight: Flight,
    outcome: PredictionOutcome,
    reasons: readonly string[],
    trial?: Trial,
  ) => void
  /** The error to answer with; one of the model's own is landed, and says which version failed. */
  readonly failed: (flight: Flight, error: GyreError) => GyreError
}

export function createLandings({
  predictions,
  clock,
  onOutcome,
  offer,
  crashLoopOf,
}: LandingsDeps): Landings {
  const landed: Landing[] = []

  function land(
    flight: Flight,
    outcome: PredictionOutcome,
    reasons: readonly string[],
    trial?: Trial,
  ): void {
    const latencyMs = clock.monotonicMs() - flight.startedMs
    if (landed.length === 0) setImmediate(record)
    const crashLoop = outcome.status === 'error' ? crashLoopOf(flight) : undefined
    landed.push({ flight, outcome, reasons, latencyMs, trial, crashLoop })
  }

  function record(): void {
    const landings = landed.splice(0)
    predictions.log(landings.map(toLogged))
    for (const landing of landings) {
      onOutcome(toOutcome(landing))
      if (landing.trial) offer(landing.trial, landing.latencyMs)
    }
  }

  return {
    land,
    failed(flight, error) {
      if (!isModelFault(error)) return error
      land(flight, { status: 'error', error: error.code }, [])
      const { picked, id } = flight
      const facts = {
        prediction_id: id,
        variant: picked.variant,
        model_version: picked.model,
        route_rev: picked.rev,
      }
      return new GyreError(error.code, error.message, { ...error.details, ...facts }, error)
    },
  }
}

import type { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import { GyreError } from '../core/errors.ts'
import type { RequestContract } from '../data/request-contract.ts'
import type { PredictionOutcome } from '../predictions/prediction-row.ts'
import type { Arm } from './arms.ts'
import type { Flight } from './flight.ts'
import { readRequest, type Ask } from './request.ts'
import { assertFinite, classOf, readAnswer, type RowAnswer } from './row-answer.ts'
import { rowTensors } from './row-tensors.ts'
import type { Trial } from './shadow.ts'
import { toTensorOutcome } from './tensor-outcome.ts'
import { fieldsTrial, tensorTrial } from './trial.ts'

/** By what a simple request is read, and which version answers it. */
export interface Asked {
  readonly spec: EndpointSpec
  readonly contract: RequestContract
  readonly model: string
}

/** What a version said to a simple request. */
export interface Said {
  readonly answer: RowAnswer
  /** What the log keeps of it. */
  readonly outcome: PredictionOutcome
  /** Why the request is kept out of training; empty for a sound one. */
  readonly reasons: readonly string[]
  /** What a shadow would be asked too. */
  readonly trial: (flight: Flight) => Trial | undefined
}

/**
 * Answers one simple request as of `atMs`: the one way from a request to its answer, alone or in a file of them. The
 * request is read before its arm is asked for. Throws INVALID_INPUT naming the field, and what the arm throws.
 */
export async function askArm(
  { spec, contract, model, arm }: Asked & { readonly arm: () => Arm | Promise<Arm> },
  ask: Ask,
  atMs: number,
): Promise<Said> {
  const { threshold } = spec
  if (spec.takes === 'fields') {
    const request = readRequest(contract, ask)
    const loaded = await arm()
    if (loaded.takes !== 'fields') throw takesOther(spec)
    const { score, inputs, reasons } = await loaded.answer(request, atMs, ask.schedule)
    const prediction = classOf(score, threshold)
    const confidence = prediction === 1 ? score : 1 - score
    return {
      answer: { prediction, confidence, score },
      outcome: { status: 'ok', score, prediction, inputs },
      reasons,
      trial: (flight) => fieldsTrial(flight, request, ask, score),
    }
  }
  const loaded = await arm()
  if (loaded.takes !== 'tensors') throw takesOther(spec)
  const inputs = rowTensors(model, loaded.graph, ask)
  const outputs = await loaded.answer(inputs, ask.schedule)
  const answer = readAnswer(loaded.graph, outputs, threshold)
  assertFinite(model, answer)
  return {
    answer,
    outcome: toTensorOutcome(inputs, answer),
    reasons: [],
    trial: (flight) => tensorTrial(flight, inputs, outputs),
  }
}

export function takesOther({ name, takes }: EndpointSpec): GyreError {
  const ask = takes === 'tensors' ? `POST /v2/models/${name}/infer` : `POST /predict/${name}`
  return new GyreError('INVALID_INPUT', `endpoint ${name} takes ${takes}: ${ask}`, {
    field: 'endpoint',
    takes,
  })
}

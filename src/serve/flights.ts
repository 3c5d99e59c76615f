import type { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import type { PredictReply } from '@gyre/sdk/wire/predict'
import { GyreError, toGyreError } from '../core/errors.ts'
import { firstNonfinite, type Tensor } from '../core/tensor.ts'
import type { RequestContract } from '../data/request-contract.ts'
import type { Picked } from '../routes/pick.ts'
import type { RoutedEndpoint } from '../routes/snapshot.ts'
import type { Arm } from './arms.ts'
import { askArm, takesOther } from './ask-arm.ts'
import { answerTensors, readFieldRows, rowError } from './field-tensors.ts'
import { replyOf, type Flight } from './flight.ts'
import type { Landings } from './landings.ts'
import { readRequest, type Ask, type TensorRequest } from './request.ts'
import { readAnswer } from './row-answer.ts'
import { NONFINITE, toTensorOutcome } from './tensor-outcome.ts'
import { tensorTrial } from './trial.ts'

export interface Answered {
  readonly reply: PredictReply
  /** Revision of the route that picked the version. */
  readonly rev: number
}

/** What a model gave for tensors, and which version it was. */
export interface AnsweredTensors {
  readonly outputs: readonly Tensor[]
  readonly id: string
  readonly picked: Picked
}

export interface FlightsDeps extends Landings {
  readonly contractOf: (spec: EndpointSpec) => RequestContract
  /** The arm, loaded if it is not. */
  readonly armOf: (endpoint: RoutedEndpoint, model: string) => Promise<Arm>
}

/** How each kind of request passes through the arm that was picked for it. */
export interface Flights {
  /** One row, by its fields or as a whole vector. */
  readonly fly: (flight: Flight, ask: Ask) => Promise<Answered>
  readonly flyTensors: (flight: Flight, request: TensorRequest) => Promise<AnsweredTensors>
  /**
   * Tensors of fields, each row a request of its own: `takeOff` begins its flight. The request fails with the first row
   * that does.
   */
  readonly flyFields: (
    endpoint: RoutedEndpoint,
    request: TensorRequest,
    takeOff: (fields: Readonly<Record<string, unknown>>, row: number) => Flight,
  ) => Promise<AnsweredTensors>
}

export function createFlights({ contractOf, armOf, land, failed }: FlightsDeps): Flights {
  async function fly(flight: Flight, ask: Ask): Promise<Answered> {
    const { endpoint, picked, id } = flight
    const asked = { spec: endpoint.spec, contract: contractOf(endpoint.spec), model: picked.model }
    try {
      const armed = { ...asked, arm: () => armOf(endpoint, picked.model) }
      const said = await askArm(armed, ask, flight.atMs ?? flight.receivedMs)
      const trial = endpoint.state.shadow && said.trial(flight)
      land(flight, said.outcome, said.reasons, trial)
      return { reply: replyOf(id, picked, said.answer, said.reasons), rev: picked.rev }
    } catch (thrown) {
      throw failed(flight, toGyreError(thrown))
    }
  }

  async function flyTensors(
    flight: Flight,
    { inputs, schedule }: TensorRequest,
  ): Promise<AnsweredTensors> {
    const { endpoint, picked, id } = flight
    try {
      const arm = await armOf(endpoint, picked.model)
      if (arm.takes !== 'tensors') throw takesOther(endpoint.spec)
      const outputs = await arm.answer(inputs, schedule)
      const answer = readAnswer(arm.graph, outputs, endpoint.spec.threshold)
      const isFit =
        endpoint.spec.allowNonfinite ||
        outputs.every((output) => firstNonfinite(output) === undefined)
      // It is answered as it is, and is a failure nevertheless: what the caller has is no number.
      land(
        flight,
        isFit ? toTensorOutcome(inputs, answer) : NONFINITE,
        [],
        isFit ? tensorTrial(flight, inputs, outputs) : undefined,
      )
      return { outputs, id, picked }
    } catch (thrown) {
      throw failed(flight, toGyreError(thrown))
    }
  }

  async function flyFields(
    endpoint: RoutedEndpoint,
    { subject, at, inputs, schedule }: TensorRequest,
    takeOff: (fields: Readonly<Record<string, unknown>>, row: number) => Flight,
  ): Promise<AnsweredTensors> {
    const rows = readFieldRows(endpoint.spec, inputs)
    const asks = rows.map((input) => ({ subject, at, input, features: undefined, schedule }))
    for (const [row, ask] of asks.entries()) checkRow(contractOf(endpoint.spec), ask, row)
    const flights = asks.map((ask, row) => ({ ask, flight: takeOff(ask.input, row) }))
    const ends = await Promise.allSettled(flights.map(({ flight, ask }) => fly(flight, ask)))
    const replies = ends.map((end) => {
      if (end.status === 'rejected') throw end.reason
      return end.value.reply
    })
    const [first] = flights
    if (!first) throw new GyreError('INVALID_INPUT', 'inputs: expected at least one row')
    return { outputs: answerTensors(replies), id: first.flight.id, picked: first.flight.picked }
  }

  return { fly, flyTensors, flyFields }
}

/** All rows are checked before the first is run. */
function checkRow(contract: RequestContract, ask: Ask, row: number): void {
  try {
    readRequest(contract, ask)
  } catch (thrown) {
    throw rowError(toGyreError(thrown), row)
  }
}

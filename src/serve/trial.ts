import { createHash } from 'node:crypto'
import { digestOfJson, type Digest } from '../core/digest.ts'
import { GyreError } from '../core/errors.ts'
import type { Tensor } from '../core/tensor.ts'
import { scoreParts } from './agreement.ts'
import type { ReadRequest } from './arm.ts'
import type { Flight } from './flight.ts'
import type { Ask } from './request.ts'
import type { Trial } from './shadow.ts'

/** A request of fields, as the shadow is asked it: as of the same moment, so that features are looked up alike. */
export function fieldsTrial(flight: Flight, request: ReadRequest, ask: Ask, score: number): Trial {
  return {
    flight,
    primary: scoreParts(score),
    inputs: () => digestOfJson(ask.input ?? ask.features),
    async ask(arm) {
      if (arm.takes !== 'fields') throw takesOther(flight)
      const answer = await arm.answer(request, flight.atMs ?? flight.receivedMs)
      return scoreParts(answer.score)
    },
  }
}

/** A request of tensors; undefined where nothing would ask it. */
export function tensorTrial(
  flight: Flight,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
): Trial | undefined {
  if (!flight.endpoint.state.shadow) return undefined
  return {
    flight,
    primary: outputs,
    inputs: () => digestOfTensors(inputs),
    async ask(arm) {
      if (arm.takes !== 'tensors') throw takesOther(flight)
      return arm.answer(inputs)
    },
  }
}

/** SHA-256 over name, type, shape and little-endian bytes of each, by name: the order they came in is no part of it. */
function digestOfTensors(tensors: readonly Tensor[]): Digest {
  const hash = createHash('sha256')
  for (const { name, datatype, shape, data } of tensors.toSorted((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    hash.update(JSON.stringify([name, datatype, shape]))
    if (ArrayBuffer.isView(data)) hash.update(data)
    else hash.update(JSON.stringify(data))
  }
  return `sha256:${hash.digest('hex')}`
}

function takesOther({ endpoint }: Flight): GyreError {
  return new GyreError('MODEL_FAILED', `the shadow of ${endpoint.name} takes other requests`, {
    endpoint: endpoint.name,
  })
}

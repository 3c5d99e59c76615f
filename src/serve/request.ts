import type { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import { GyreError, invalidInput } from '../core/errors.ts'
import type { Tensor } from '../core/tensor.ts'
import type { RequestContract } from '../data/request-contract.ts'
import type { Schedule } from '../infer/schedule.ts'
import type { ReadRequest } from './arm.ts'

/** What a client asks, its envelope checked: exactly one of `input` and `features`. */
export interface Ask {
  readonly subject: string | undefined
  /** Event time, ISO-8601; the present when undefined. */
  readonly at: string | undefined
  readonly input: Readonly<Record<string, unknown>> | undefined
  /** The whole input vector of the model, finite numbers. */
  readonly features: readonly number[] | undefined
  /** At once and for as long as it takes where there is none. */
  readonly schedule?: Schedule
  /** As they came, where the door has any: an endpoint may find its subject in one. */
  readonly headers?: Headers
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

/** Longer ids are no ids; the same limit as for `subject`. */
const MAX_SUBJECT = 256

/** Whom a request is about: as it says, else where the endpoint says to look. Throws INVALID_INPUT naming the place. */
export function subjectOf(
  { subjectFrom }: EndpointSpec,
  { subject, input, headers }: Pick<Ask, 'subject' | 'input' | 'headers'>,
): string | undefined {
  if (subject !== undefined || subjectFrom === undefined) return subject
  const [place, value] =
    'header' in subjectFrom
      ? [`header ${subjectFrom.header}`, headers?.[subjectFrom.header]]
      : [`input.${subjectFrom.field}`, input?.[subjectFrom.field]]
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  if (typeof value === 'string' && value.length <= MAX_SUBJECT) return value
  throw invalidInput(place, `expected a number or a text of 1 to ${MAX_SUBJECT} characters`)
}

/** Tensors for an endpoint's model. */
export interface TensorRequest {
  readonly subject: string | undefined
  /** Event time, ISO-8601; the present when undefined. */
  readonly at: string | undefined
  /** The version to ask, `3`, whatever the split says; the route's choice when undefined. */
  readonly version: string | undefined
  readonly inputs: readonly Tensor[]
  readonly schedule: Schedule
  readonly headers?: Headers
}

/** The request by the endpoint's contract. Throws INVALID_INPUT listing every field that does not fit. */
export function readRequest(contract: RequestContract, ask: Ask): ReadRequest {
  if (ask.features) return { kind: 'vector', values: ask.features }
  const parsed = contract.parse(ask.input ?? {})
  if (parsed.ok) return { kind: 'fields', fields: parsed.fields, broken: parsed.broken }
  const errors = parsed.errors.map(({ path, message }) => ({ field: `input.${path}`, message }))
  const [first] = errors
  throw new GyreError('INVALID_INPUT', `${first?.field}: ${first?.message}`, {
    field: first?.field,
    errors,
  })
}

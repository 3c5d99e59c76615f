import type { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import { GyreError } from '../core/errors.ts'
import {
  checkMatch,
  type FieldValue,
  type MatchRule,
  type RequestContract,
} from '../data/request-contract.ts'
import type { Lookup } from '../features/lookup.ts'
import { featureNamesOf, fieldNamesOf } from '../infer/input-vector.ts'
import type { Schedule } from '../infer/schedule.ts'
import type { ModelAnswer, ModelRow, ModelSource, Session } from '../infer/session.ts'
import type { Statistics } from '../infer/statistics.ts'

/**
 * Prepares a look-up of `names` (`view:feature`), whose entities are request fields; `fieldNames` is their
 * order. Throws NOT_FOUND for an unknown view or feature, INVALID_ARGUMENT when an entity is no field.
 */
export type PlanFeatures = (
  project: string,
  names: readonly string[],
  fieldNames: readonly string[],
) => Promise<Lookup>

/** A request whose fields have passed the contract's types. */
export type ReadRequest =
  | { readonly kind: 'vector'; readonly values: readonly number[] }
  | {
      readonly kind: 'fields'
      /** In the order of the contract. */
      readonly fields: readonly FieldValue[]
      /** Bounds it broke. */
      readonly broken: readonly string[]
    }

/** What a model made of a request. */
export interface ArmAnswer extends ModelAnswer {
  /** Why the request is kept out of training; empty for a sound one. */
  readonly reasons: readonly string[]
}

/** One model version, loaded and fitted to the fields that one endpoint takes. */
export interface FieldsArm {
  readonly takes: 'fields'
  /** Why it answers UNAVAILABLE; undefined while it works. */
  readonly failed: string | undefined
  statistics(): Statistics
  /** Scores a request as of `atMs`; reads features at once. Errors: those of `Session.predict`. */
  answer(request: ReadRequest, atMs: number, schedule?: Schedule): Promise<ArmAnswer>
  /** Gives the model back; requests under way are still answered. */
  close(): void
}

export interface ArmParts {
  readonly project: string
  readonly spec: EndpointSpec
  readonly contract: RequestContract
  readonly model: ModelSource
  readonly planFeatures: PlanFeatures
}

/**
 * Fits a model to an endpoint's requests; needs no session yet, so that features are restored while the model
 * loads. Throws CONFLICT when the model reads a field that the endpoint does not take.
 */
export async function planArm(parts: ArmParts): Promise<(session: Session) => FieldsArm> {
  const { project, spec, contract, model, planFeatures } = parts
  const fieldNames = fieldNamesOf(model.spec)
  const places = fieldNames.map((name) => placeOf(contract, name, spec.name, model.key))
  const featureNames = featureNamesOf(model.spec)
  const matchNames = contract.matches.map((rule) => `${rule.view}:${rule.feature}`)
  const names = [...new Set([...featureNames, ...matchNames])]
  const look = await planFeatures(project, names, contract.keys)
  const matches = contract.matches.map((rule, i) => ({
    rule,
    place: names.indexOf(matchNames[i] ?? ''),
  }))
  const featureCount = featureNames.length
  return (session) => ({
    takes: 'fields',
    get failed() {
      return session.failed
    },
    statistics: () => session.statistics(),
    close: () => session.close(),
    async answer(request, atMs, schedule) {
      if (request.kind === 'vector') return answerVector(session, request.values, schedule)
      const { fields, broken } = request
      const found = look(fields, atMs)
      const row: ModelRow = {
        kind: 'fields',
        fields: places.map((place) => fields[place] ?? null),
        features: found.length === featureCount ? found : found.slice(0, featureCount),
      }
      const reasons = disagreements(matches, fields, found, broken)
      const { score, inputs } = await session.predict(row, schedule)
      return { score, inputs, reasons }
    },
  })
}

async function answerVector(
  session: Session,
  values: readonly number[],
  schedule: Schedule | undefined,
): Promise<ArmAnswer> {
  const expected = session.spec.inputs.length
  if (values.length !== expected)
    throw new GyreError(
      'INVALID_INPUT',
      `features: ${session.key} expects ${expected} numbers, got ${values.length}`,
      { field: 'features', expected, got: values.length },
    )
  const { score, inputs } = await session.predict({ kind: 'vector', values }, schedule)
  return { score, inputs, reasons: [] }
}

function placeOf(contract: RequestContract, field: string, endpoint: string, key: string): number {
  const place = contract.keys.indexOf(field)
  if (place >= 0) return place
  throw new GyreError(
    'CONFLICT',
    `${key} reads the field ${field}, which endpoint ${endpoint} does not take (${contract.keys.join(', ')})`,
    { endpoint, field },
  )
}

interface PlacedMatch {
  readonly rule: MatchRule
  /** Where the known value stands among the looked-up features. */
  readonly place: number
}

function disagreements(
  matches: readonly PlacedMatch[],
  fields: readonly FieldValue[],
  found: ReturnType<Lookup>,
  broken: readonly string[],
): readonly string[] {
  let reasons = broken
  for (const { rule, place } of matches) {
    const reason = checkMatch(rule, fields[rule.index], found[place] ?? null)
    if (reason !== undefined) reasons = [...reasons, reason]
  }
  return reasons
}

/** A request's field as a look-up reads it: numbers, texts, timestamps as epoch milliseconds. */
export type LookupField = number | string | null

/**
 * Features of one request as of `atMs` (epoch milliseconds), in the order of the names it was planned for; null
 * where there is none or it has expired. Answers at once, from memory.
 */
export type FeatureLookup = (
  fields: readonly LookupField[],
  atMs: number,
) => readonly (number | null)[]

/**
 * Prepares a look-up of `names` (`view:feature`). Entities are read from the request fields of the same
 * names; `fieldNames` is their order. Throws NOT_FOUND for an unknown view or feature, INVALID_ARGUMENT when
 * an entity is no request field.
 */
export type PlanFeatures = (
  project: string,
  names: readonly string[],
  fieldNames: readonly string[],
) => Promise<FeatureLookup>

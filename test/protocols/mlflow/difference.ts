/** Steps of a scenario that Gyre is meant to answer otherwise than MLflow, and what it answers. */
export interface Difference {
  readonly why: string
  readonly gyre: Readonly<Record<string, unknown>>
}

export const INVALID = { error: 'INVALID_PARAMETER_VALUE' }
export const REFUSED = { status: 400, ...INVALID }
export const HTTP_400 = { error: 'HTTP 400' }
export const MISSING = { error: 'RESOURCE_DOES_NOT_EXIST' }

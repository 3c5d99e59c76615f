import { environmentVariable } from '../core/config.ts'
import { GyreError } from '../core/errors.ts'

/** What this process was told by its environment. Throws INVALID_ARGUMENT naming what is missing. */
export function variable(name: string): string {
  const value = environmentVariable(name)
  if (value === undefined)
    throw new GyreError('INVALID_ARGUMENT', `${name} is not set`, { field: name })
  return value
}

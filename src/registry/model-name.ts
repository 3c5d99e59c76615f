import { ModelName } from '@gyre/sdk/wire/ref'
import { GyreError } from '../core/errors.ts'

/** As MLflow's: 255 letters and digits of any script, `_` and `-`. */
const ALIAS = /^[\p{L}\p{N}_-]{1,255}$/u

/** What MLflow's clients read as the newest version and as a number. */
const RESERVED_ALIAS = /^(latest|v\d+)$/i

/** Throws INVALID_ARGUMENT unless a registered model may be called so. */
export function assertModelName(name: string, field = 'name'): void {
  const parsed = ModelName.safeParse(name)
  if (parsed.success) return
  const shown = JSON.stringify(name.slice(0, 80))
  throw invalid(field, `${parsed.error.issues[0]?.message}, got ${shown}`)
}

/** Throws INVALID_ARGUMENT unless an alias may be called so. */
export function assertAliasName(alias: string): void {
  if (ALIAS.test(alias)) return
  const shown = JSON.stringify(alias.slice(0, 80))
  throw invalid('alias', `expected 1 to 255 letters, digits, _ and -, got ${shown}`)
}

/** Throws INVALID_ARGUMENT for an alias that says already what it points at. */
export function assertNotReserved(alias: string): void {
  if (RESERVED_ALIAS.test(alias)) throw invalid('alias', `${alias} is reserved`)
}

function invalid(field: string, message: string): GyreError {
  return new GyreError('INVALID_ARGUMENT', `${field}: ${message}`, { field })
}

import { DefinitionError } from './definition-error.ts'

/** Where the one who reads the project leaves what `gyre apply --set NAME=VALUE` was given. */
export const SETTINGS = Symbol.for('gyre.settings')

/** And where it finds the names that the project has asked for, a set of texts. */
export const SETTINGS_ASKED = Symbol.for('gyre.settings.asked')

type Setting = string | number | boolean

/**
 * A constant of the project that `gyre apply --set NAME=VALUE` may change without editing a file. The value
 * given must be of the fallback's type. Throws DefinitionError naming the setting.
 */
export function setting(name: string, fallback: number): number
/** A text, as it was given. */
export function setting(name: string, fallback: string): string
/** `true` or `false`; anything else is refused. */
export function setting(name: string, fallback: boolean): boolean
export function setting(name: string, fallback: Setting): Setting {
  const asked: unknown = Reflect.get(globalThis, SETTINGS_ASKED)
  if (asked instanceof Set) asked.add(name)
  const given = givenSettings().get(name)
  if (given === undefined) return fallback
  const value = read(given, typeof fallback)
  if (value !== undefined) return value
  throw new DefinitionError(`setting ${name}`, `expected a ${typeof fallback}, got ${given}`)
}

function givenSettings(): ReadonlyMap<string, string> {
  const settings: unknown = Reflect.get(globalThis, SETTINGS)
  return settings instanceof Map ? settings : new Map()
}

function read(text: string, type: string): Setting | undefined {
  if (type === 'string') return text
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined
  const value = text.trim() === '' ? Number.NaN : Number(text)
  return Number.isFinite(value) ? value : undefined
}

import { GyreError } from '../core/errors.ts'

/** `NAME@VERSION` of the command line. Throws INVALID_ARGUMENT for anything else. */
export function readVersion(text: string): { readonly name: string; readonly version: string } {
  const [, name, version] = /^(.+)@([^@]+)$/s.exec(text) ?? []
  if (name === undefined || version === undefined)
    throw new GyreError('INVALID_ARGUMENT', `version: expected NAME@VERSION, got ${text}`, {
      field: 'version',
    })
  return { name, version }
}

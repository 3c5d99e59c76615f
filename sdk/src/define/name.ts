import { DefinitionError } from './definition-error.ts'

const NAME = /^[a-zA-Z][a-zA-Z0-9_.-]{0,127}$/

/** True for what can become part of paths, URLs and references. */
export function isName(name: unknown): boolean {
  return typeof name === 'string' && NAME.test(name)
}

/** Refuses what is no name. */
export function checkName(field: string, name: string): void {
  if (!isName(name))
    throw new DefinitionError(
      field,
      `expected a name of a letter followed by letters, digits, _, . or -, got ${JSON.stringify(name)}`,
    )
}

/** Refuses a name that is not among `known`, and says which are. */
export function checkKnown(field: string, name: string, known: readonly string[]): void {
  if (!known.includes(name))
    throw new DefinitionError(
      field,
      `expected one of ${known.join(', ')}, got ${JSON.stringify(name)}`,
    )
}

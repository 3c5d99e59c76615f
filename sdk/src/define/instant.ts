import { DefinitionError } from './definition-error.ts'

/** Refuses what is not an ISO-8601 instant with its zone: `2001-02-01T00:00:00Z`. */
export function checkInstant(field: string, text: string): void {
  const zoned = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(text)
  if (!zoned || Number.isNaN(Date.parse(text)))
    throw new DefinitionError(
      field,
      `expected an instant like 2001-02-01T00:00:00Z, got ${JSON.stringify(text)}`,
    )
}

import { sqlName } from '../store/analytics.ts'

/** Stands between the parts of a key; within a part it is escaped, so that two keys never meet. */
const SEPARATOR = '\u001F'

/** The key of a row's entity as text, in SQL; equals `entityKey` of the same values. */
export function entityKeySql(entity: readonly string[]): string {
  const [only] = entity
  if (only === undefined) return "''"
  if (entity.length === 1) return `CAST(${sqlName(only)} AS VARCHAR)`
  const parts = entity.map(
    (name) =>
      `replace(replace(CAST(${sqlName(name)} AS VARCHAR), '\\', '\\\\'), chr(31), '\\' || chr(31))`,
  )
  return parts.join(' || chr(31) || ')
}

/** The key of an entity given by its values; undefined when one of them is absent. */
export function entityKey(
  values: readonly (string | number | null | undefined)[],
): string | undefined {
  const [only] = values
  if (values.length === 1) return only == null ? undefined : String(only)
  let key = ''
  for (const [i, value] of values.entries()) {
    if (value == null) return undefined
    key += (i === 0 ? '' : SEPARATOR) + escaped(String(value))
  }
  return key
}

function escaped(part: string): string {
  return part.replaceAll('\\', '\\\\').replaceAll(SEPARATOR, `\\${SEPARATOR}`)
}

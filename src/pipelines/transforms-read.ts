import type { TransformSpec } from '@gyre/sdk/wire/feature'
import type { JsonValue } from '@gyre/sdk/wire/ref'

/**
 * The transforms that a step's inputs name (in a row set's model inputs), with the digest of their code: a
 * step that reads rows runs them, so that an edited transform must not find the step's old outputs.
 */
export function transformsRead(
  inputs: JsonValue,
  transforms: readonly TransformSpec[],
): Record<string, string> {
  const named = new Set(namesIn(inputs))
  return Object.fromEntries(
    transforms
      .filter(({ name }) => named.has(name))
      .map(({ name, digest, export: exported }) => [name, `${digest}#${exported}`]),
  )
}

/** The `transform` of every object in `value` that has one. */
function namesIn(value: JsonValue): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'transform' && typeof inner === 'string' ? [inner] : namesIn(inner),
  )
}

import { Ref } from '@gyre/sdk/wire/ref'
import { GyreError } from './errors.ts'

/** `model:churn@7`. */
export function formatRef(ref: Ref): string {
  return `${ref.kind}:${ref.name}@${ref.version}`
}

/** Reads `model:churn@7`. Throws INVALID_ARGUMENT naming what was expected. */
export function parseRef(text: string): Ref {
  const match = /^([a-z]+):(.+)@([^@]+)$/.exec(text)
  const parsed = Ref.safeParse({ kind: match?.[1], name: match?.[2], version: match?.[3] })
  if (!parsed.success)
    throw new GyreError(
      'INVALID_ARGUMENT',
      `expected a reference like model:churn@7, got ${JSON.stringify(text)}`,
      { got: text },
    )
  return parsed.data
}

import { Ref } from '@gyre/sdk/wire/ref'
import { GyreError } from './errors.ts'

/** `model:churn@7`; what the grammar cannot hold is percent-encoded, `model:my%20model@7`. */
export function formatRef({ kind, name, version }: Ref): string {
  return `${kind}:${encodeURIComponent(name)}@${encodeURIComponent(version)}`
}

/** Reads `model:churn@7`. Throws INVALID_ARGUMENT naming what was expected. */
export function parseRef(text: string): Ref {
  const match = /^([a-z]+):(.+)@([^@]+)$/.exec(text)
  const parsed = Ref.safeParse({
    kind: match?.[1],
    name: decoded(match?.[2]),
    version: decoded(match?.[3]),
  })
  if (!parsed.success)
    throw new GyreError(
      'INVALID_ARGUMENT',
      `expected a reference like model:churn@7, got ${JSON.stringify(text)}`,
      { got: text },
    )
  return parsed.data
}

/** Undefined for what is no percent-encoding. */
function decoded(part: string | undefined): string | undefined {
  try {
    return part === undefined ? undefined : decodeURIComponent(part)
  } catch {
    return undefined
  }
}

import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import { digestOfJson, type Digest } from '../core/digest.ts'

/** What decides whether a step's earlier outputs may be used again, part by part. */
export interface CacheParts {
  /** The step's own chunk and all it imports, or a built-in step's settings. */
  readonly code: Digest
  readonly inputs: Digest
  readonly seed: number
  /** What a built-in step reads besides its inputs (data versions, the champion). */
  readonly extra: Digest
}

export function cacheParts(
  step: StepSpec,
  inputs: Readonly<Record<string, JsonValue>>,
  seed: number,
  extra: JsonValue,
): CacheParts {
  return { code: codeDigest(step), inputs: digestOfJson(inputs), seed, extra: digestOfJson(extra) }
}

export function cacheKey(parts: CacheParts): Digest {
  return digestOfJson(parts)
}

/** A module step is its code (its name and its neighbours do not matter), a built-in step its settings. */
function codeDigest(step: StepSpec): Digest {
  if (step.kind === 'module') return digestOfJson({ digest: step.digest, export: step.export })
  const { name: _name, inputs: _inputs, ...settings } = step
  return digestOfJson(settings)
}

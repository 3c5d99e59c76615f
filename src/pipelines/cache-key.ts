import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import { z } from 'zod'
import { eachOf } from './graph.ts'
import { digestOfJson, type Digest } from '../core/digest.ts'

/** What decides whether a step's earlier outputs may be used again, part by part; texts are digests. */
export const CacheParts = z.strictObject({
  /** The step's own chunk and all it imports, or a built-in step's settings. */
  code: z.string(),
  /** The packages of a Python step that names some. */
  lock: z.exactOptional(z.string()),
  inputs: z.record(z.string(), z.string()),
  seed: z.number().int(),
  /** What it reads besides its inputs: transforms, data versions, the champion. */
  extra: z.string(),
})
export type CacheParts = z.infer<typeof CacheParts>

export function cacheParts(
  step: StepSpec,
  inputs: Readonly<Record<string, JsonValue>>,
  seed: number,
  extra: JsonValue,
): CacheParts {
  const digests = Object.entries(inputs).map(
    ([name, value]) => [name, digestOfJson(value)] as const,
  )
  return {
    code: codeDigest(step),
    ...(step.kind === 'python' && step.requirements && { lock: step.requirements.digest }),
    inputs: Object.fromEntries(digests),
    seed,
    extra: digestOfJson(extra),
  }
}

export function cacheKey(parts: CacheParts): Digest {
  return digestOfJson(parts)
}

/** A module step is its code (its name and its neighbours do not matter), a built-in step its settings. */
function codeDigest(step: StepSpec): Digest {
  // What it gives for a list of items is a list, which is not what it gives for a list.
  const isMapped = eachOf(step) ? { each: true } : {}
  if (step.kind === 'module')
    return digestOfJson({ digest: step.digest, export: step.export, ...isMapped })
  if (step.kind === 'python') {
    const { script, digest, threads, rows, trainer, resume } = step
    return digestOfJson({
      script,
      digest,
      // How many cores a step asks for is none of its key.
      threads: threads === 'cpu' ? 1 : threads,
      ...(rows && { rows }),
      // What can go on after a kill draws and iterates by spans, whether it is killed or not.
      ...(trainer && { trainer, ...(resume && { bySpans: true }) }),
      ...isMapped,
    })
  }
  const { name: _name, inputs: _inputs, ...settings } = step
  return digestOfJson(settings)
}

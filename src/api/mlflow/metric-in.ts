import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'
import type { LoggedPoint } from '../../tracking/model-metrics.ts'
import { Double, Int64, Required, TimeMs } from './wire.ts'

/** A point of a metric as the client writes it; one of a logged model may say on which dataset. */
export const Metric = z.object({
  key: Required,
  value: Double,
  timestamp: TimeMs,
  step: Int64.default(0),
  model_id: z.string().optional(),
  dataset_name: z.string().optional(),
  dataset_digest: z.string().optional(),
})

/** Throws INVALID_ARGUMENT for half of a dataset. */
export function pointIn({
  key,
  value,
  timestamp,
  step,
  ...rest
}: z.infer<typeof Metric>): LoggedPoint {
  const point = { key, value, step, atMs: timestamp }
  const { model_id: model, dataset_name: name, dataset_digest: digest } = rest
  if (!name !== !digest)
    throw new GyreError(
      'INVALID_ARGUMENT',
      'Both dataset_name and dataset_digest must be provided if one is provided',
    )
  if (!model) return point
  return name && digest ? { ...point, model, dataset: { name, digest } } : { ...point, model }
}

/** Many points. Those of the usual shape are read by hand: through `Metric` a thousand take 6 ms instead of 0.1. */
export const Metrics = z
  .unknown()
  .default([])
  .transform((given, ctx): readonly LoggedPoint[] => {
    if (!Array.isArray(given)) {
      ctx.addIssue({ code: 'custom', message: 'expected an array' })
      return z.NEVER
    }
    const points: LoggedPoint[] = []
    for (const [i, item] of given.entries()) {
      const usual = usualPoint(item)
      if (usual) {
        points.push(usual)
        continue
      }
      const parsed = Metric.safeParse(item)
      if (parsed.success) points.push(pointIn(parsed.data))
      else
        for (const { path, message } of parsed.error.issues)
          ctx.addIssue({ code: 'custom', message, path: [i, ...path] })
    }
    return points
  })

/** A point of the run alone whose numbers are numbers; undefined where `Metric` must look. */
function usualPoint(item: unknown): LoggedPoint | undefined {
  if (typeof item !== 'object' || item === null) return undefined
  if ('model_id' in item || 'dataset_name' in item || 'dataset_digest' in item) return undefined
  const { key, value, timestamp, step = 0 }: Record<string, unknown> = { ...item }
  if (typeof key !== 'string' || key === '' || typeof value !== 'number') return undefined
  if (!isWhole(timestamp) || timestamp < 0 || !isWhole(step)) return undefined
  return { key, value, step, atMs: timestamp }
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

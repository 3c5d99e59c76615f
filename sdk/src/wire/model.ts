import { z } from 'zod'
import { ModelInput } from './feature.ts'
import { Metrics } from './gate.ts'
import { DigestText, Instant, Json, Name } from './ref.ts'

/** Smoothed label mean per category, as learned on the training part. */
export const RateTable = z.strictObject({
  default: z.number(),
  values: z.record(z.string(), z.number()),
})
export type RateTable = z.infer<typeof RateTable>

/** Reference histogram of one input (or of the score) over the training rows, for drift. */
export const ReferenceBins = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('numeric'),
    /** Inner edges, ascending; bin i holds edges[i-1] < x <= edges[i], outer bins are open. */
    edges: z.array(z.number()),
    counts: z.array(z.number().int()),
    missing: z.number().int(),
    min: z.number().nullable(),
    max: z.number().nullable(),
  }),
  z.strictObject({
    kind: z.literal('category'),
    values: z.array(z.string()),
    /** One more than `values`: the last holds all others. */
    counts: z.array(z.number().int()),
    missing: z.number().int(),
  }),
])
export type ReferenceBins = z.infer<typeof ReferenceBins>

/** What a model needs to answer a request; stored as `model.json` beside `model.onnx`. */
export const ModelSpec = z.strictObject({
  format: z.literal('gyre-model/1'),
  task: z.literal('binary'),
  /** Input vector, in order. */
  inputs: z.array(ModelInput).min(1),
  /** Request fields the inputs are made of, with their type. */
  fields: z.record(Name, z.enum(['timestamp', 'number', 'text'])),
  rates: z.record(Name, RateTable),
  /** The user code of the transforms: a bundle by digest, pinned. */
  code: z
    .strictObject({
      digest: DigestText,
      transforms: z.record(
        Name,
        z.strictObject({
          chunk: z.string(),
          export: z.string(),
          from: z.array(Name),
          gives: z.array(Name),
        }),
      ),
    })
    .nullable(),
  reference: z.strictObject({
    rows: z.number().int(),
    inputs: z.record(Name, ReferenceBins),
    score: ReferenceBins,
  }),
  training: z.strictObject({
    rowsDigest: DigestText,
    rows: z.number().int(),
    from: Instant.nullable(),
    until: Instant.nullable(),
    algorithm: z.string(),
    options: z.record(z.string(), Json),
    importance: z.record(z.string(), z.number()),
  }),
})
export type ModelSpec = z.infer<typeof ModelSpec>

export const Stage = z.enum(['none', 'staging', 'production', 'archived'])
export type Stage = z.infer<typeof Stage>

export const Approval = z.strictObject({
  /** `policy:NAME` for an automatic approval, never a person's name. */
  actor: z.string(),
  decision: z.enum(['approved', 'rejected']),
  note: z.string(),
  at: z.string(),
})
export type Approval = z.infer<typeof Approval>

export const ModelVersion = z.strictObject({
  name: z.string(),
  version: z.string(),
  ref: z.string(),
  digest: z.string(),
  stage: Stage,
  aliases: z.array(z.string()),
  approvals: z.array(Approval),
  metrics: Metrics,
  runId: z.string(),
  createdAt: z.string(),
  createdBy: z.string(),
  tags: z.record(z.string(), z.string()),
})
export type ModelVersion = z.infer<typeof ModelVersion>

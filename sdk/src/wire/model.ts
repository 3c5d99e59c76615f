import { z } from 'zod'
import { TreePath } from './artifact.ts'
import { ModelInput } from './feature.ts'
import { GateRef, Metrics, Verdict } from './gate.ts'
import { LineageNode } from './lineage.ts'
import { DigestText, Instant, Json, Name } from './ref.ts'
import { Stage } from './stage.ts'

/** Smoothed label mean per category, as learned on the training part. */
export const RateTable = z.strictObject({
  default: z.number(),
  values: z.record(z.string(), z.number()),
})
export type RateTable = z.infer<typeof RateTable>

/**
 * Reference histogram of one input (or of the score) over the training rows, for drift. `ranges`: bin i holds
 * edges[i-1] <= x < edges[i], outer bins open; `numbers`, `categories`: a bin per value and a last for others.
 */
export const ReferenceBins = z.strictObject({
  /** Null where no training row had a value. */
  bins: z
    .discriminatedUnion('kind', [
      z.strictObject({
        kind: z.literal('ranges'),
        edges: z.array(z.number()),
        min: z.number(),
        max: z.number(),
      }),
      z.strictObject({
        kind: z.literal('numbers'),
        values: z.array(z.number()),
        min: z.number(),
        max: z.number(),
      }),
      z.strictObject({
        kind: z.literal('categories'),
        values: z.array(z.string()),
        pooled: z.number().int(),
      }),
    ])
    .nullable(),
  /** Present training values per bin. */
  counts: z.array(z.number().int()),
  missing: z.number().int(),
})
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

export const Approval = z.strictObject({
  /** `policy:NAME` for an automatic approval, never a person's name. */
  actor: z.string(),
  decision: z.enum(['approved', 'rejected']),
  note: z.string(),
  at: z.string(),
  /** The gates that had judged the version's files by then; null where that was not written down. */
  gates: z.array(GateRef).nullable(),
})
export type Approval = z.infer<typeof Approval>

export const ModelVersion = z.strictObject({
  name: z.string(),
  version: z.string(),
  ref: z.string(),
  /** Of its tree of files, which never changes; empty for a prompt, which has none. */
  digest: z.string(),
  /** Where its files were when a client registered it; null for a version that Gyre registered by itself. */
  source: z.string().nullable(),
  stage: Stage,
  aliases: z.array(z.string()),
  approvals: z.array(Approval),
  metrics: Metrics,
  runId: z.string().nullable(),
  /** The logged model it was made of. */
  modelId: z.string().nullable(),
  /** What its maker gave as an address of the run. */
  runLink: z.string(),
  description: z.string().nullable(),
  createdAt: z.string(),
  createdBy: z.string(),
  updatedAt: z.string(),
  tags: z.record(z.string(), z.string()),
})
export type ModelVersion = z.infer<typeof ModelVersion>

/** What the versions of one name have in common. */
export const RegisteredModel = z.strictObject({
  name: z.string(),
  description: z.string(),
  createdAt: z.string(),
  updatedAt: z.string(),
  tags: z.record(z.string(), z.string()),
  /** The version each alias points at. */
  aliases: z.record(z.string(), z.string()),
  /** The newest version in each stage that has any. */
  latest: z.array(ModelVersion),
})
export type RegisteredModel = z.infer<typeof RegisteredModel>

/** A move of an alias; null before it was there, and after it was taken away. */
export const AliasMove = z.strictObject({
  alias: z.string(),
  from: z.string().nullable(),
  to: z.string().nullable(),
  at: z.string(),
  actor: z.string(),
})
export type AliasMove = z.infer<typeof AliasMove>

/** An arm of an endpoint that this version answers for. */
export const ServedArm = z.strictObject({
  endpoint: Name,
  arm: z.enum(['stable', 'canary']),
  model: z.string(),
  /** Share of subjects, in basis points. */
  weightBp: z.number().int(),
})
export type ServedArm = z.infer<typeof ServedArm>

/** What a version takes and gives, column by column, as MLflow writes a signature: `{ type, name, required }` or a tensor. */
export const ModelSignature = z.strictObject({
  inputs: Json,
  outputs: Json,
  /** What a caller may set, with its defaults. */
  params: Json,
})
export type ModelSignature = z.infer<typeof ModelSignature>

/** All that is known of one version, for whoever has to decide about it. */
export const ModelCard = z.strictObject({
  version: ModelVersion,
  /** What is said of the model, whatever the version. */
  description: z.string(),
  tags: z.record(z.string(), z.string()),
  /** Null where its files tell none. */
  signature: ModelSignature.nullable(),
  /** Of the run that made it. */
  params: z.record(z.string(), Json),
  /** The datasets at the far end of its lineage, and the endpoints whose labelled answers it learned from. */
  data: z.array(LineageNode),
  /** The last decision that counts, which may be a rejection. */
  approval: Approval.nullable(),
  /** The approvals that count: given since the last rejection, on the verdicts of the gates that stand now. */
  standing: z.array(Approval),
  verdict: Verdict.nullable(),
  /** How good it is: by its gate's verdict, else as it was registered, else as its run logged it. */
  metrics: Metrics,
})
export type ModelCard = z.infer<typeof ModelCard>

/** Which version is in production behind which endpoint, trained on what, approved by whom, how good. */
export const ModelReport = z.strictObject({
  name: z.string(),
  serving: z.array(ServedArm),
  /** The version under the alias `production`, else the newest in that stage; null where there is neither. */
  production: z
    .strictObject({
      version: ModelVersion,
      /** The datasets at the far end of its lineage, and the endpoints whose labelled answers it learned from. */
      data: z.array(LineageNode),
      /** The last decision that counts, which may be a rejection. */
      approval: Approval.nullable(),
      /** The approvals that count: given since the last rejection, on the verdicts of the gates that stand now. */
      standing: z.array(Approval),
      verdict: Verdict.nullable(),
      /** How good it is: by its gate's verdict, else as it was registered, else as its run logged it. */
      metrics: Metrics,
    })
    .nullable(),
  /** Newest first. */
  versions: z.array(ModelVersion),
})
export type ModelReport = z.infer<typeof ModelReport>

/** A decision about a version, by whoever sends it. */
export const ApproveRequest = z.strictObject({
  decision: z.enum(['approved', 'rejected']).default('approved'),
  note: z.string().max(4096).default(''),
})
export type ApproveRequest = z.infer<typeof ApproveRequest>

/** A version by its files, whose bytes are stored already, or by what holds them: one of both. */
export const RegisterVersion = z.strictObject({
  files: z.exactOptional(
    z.record(TreePath, DigestText).refine((files) => Object.keys(files).length > 0, {
      error: 'expected at least one file',
    }),
  ),
  /** `runs:/RUN/PATH`, or `models:/m-ID` of a logged model. */
  source: z.exactOptional(z.string().min(1)),
})

/** What answers for a version: a version, or the run that makes one and tags itself `gyre.serves`. */
export const Prepared = z.strictObject({
  serves: z.string().nullable(),
  run: z.string().nullable(),
})
export type Prepared = z.infer<typeof Prepared>

export const StageRequest = z.strictObject({ stage: Stage })
export type StageRequest = z.infer<typeof StageRequest>

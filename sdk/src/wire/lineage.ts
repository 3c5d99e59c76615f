import { z } from 'zod'

/** A thing or a run on the way from data to answers. */
export const LineageNode = z.strictObject({
  /** `model:churn@7`, `run:ID`, `dataset:flights@1`, `artifact:sha256:…`, `prediction:ID`. */
  ref: z.string(),
  kind: z.string(),
  digest: z.string().nullable(),
  /** What a person calls it: a run's kind and name; null where the ref says it all. */
  label: z.string().nullable(),
})
export type LineageNode = z.infer<typeof LineageNode>

/** `from` went into `to`: data flows along the edge. */
export const LineageEdge = z.strictObject({ from: z.string(), to: z.string(), role: z.string() })
export type LineageEdge = z.infer<typeof LineageEdge>

export const LineageDirection = z.enum(['up', 'down', 'both'])
export type LineageDirection = z.infer<typeof LineageDirection>

/** What `root` was made of and what was made of it, nearest first. */
export const Lineage = z.strictObject({
  root: z.string(),
  nodes: z.array(LineageNode),
  edges: z.array(LineageEdge),
  /** True when the walk ended at its limit of nodes. */
  truncated: z.boolean(),
})
export type Lineage = z.infer<typeof Lineage>

import { z } from 'zod'
import { DatasetSpec } from './dataset.ts'
import { EndpointSpec } from './endpoint.ts'
import { TransformSpec, ViewSpec } from './feature.ts'
import { GateRules } from './gate.ts'
import { MonitorSpec } from './monitor.ts'
import { PipelineSpec } from './pipeline.ts'
import { StageMove } from './stage.ts'
import { Role } from './key.ts'
import { DigestText, Name } from './ref.ts'
import { CodeSource } from './run.ts'
import { TriggerSpec } from './trigger.ts'

/** A host refuses a manifest of another major. */
export const MANIFEST_PROTOCOL = 1

/** Who approves: keys by their names or ids, or all those of a role and of the roles above it. */
export const Approvers = z.union([z.array(Name).min(1), Role])
export type Approvers = z.infer<typeof Approvers>

/** How many different approvers a promotion needs, and among whom; anybody who may approve where that is not said. */
export const ApprovalRule = z.strictObject({
  required: z.int().min(1).max(20),
  among: z.exactOptional(Approvers),
})

/** The answers to "what are we solving, and when is it good enough?", which gates read. */
export const ProjectCard = z.strictObject({
  task: z.string().min(1),
  metric: z.string().min(1),
  baseline: z.string().min(1),
  thresholds: GateRules,
  owner: z.string().min(1),
  /** Nobody may approve a model version of their own; not so unless told. */
  fourEyes: z.exactOptional(z.boolean()),
  /** What a promotion needs; one approver unless told. A number is short for `{ required }`. */
  approvals: z.exactOptional(z.union([z.int().min(1).max(20), ApprovalRule])),
  /** Moves between stages that nobody makes by hand, through any door. */
  forbids: z.exactOptional(z.array(StageMove)),
})
export type ProjectCard = z.infer<typeof ProjectCard>

/** A project's definitions as language-neutral JSON, beside the bundle that holds its code. */
export const Manifest = z.strictObject({
  protocol: z.literal(MANIFEST_PROTOCOL, {
    error: `expected manifest protocol ${MANIFEST_PROTOCOL}`,
  }),
  name: Name,
  card: ProjectCard.nullable(),
  datasets: z.array(DatasetSpec),
  views: z.array(ViewSpec),
  transforms: z.array(TransformSpec),
  pipelines: z.array(PipelineSpec),
  endpoints: z.array(EndpointSpec),
  monitors: z.array(MonitorSpec),
  triggers: z.array(TriggerSpec),
})
export type Manifest = z.infer<typeof Manifest>

export const ApplyRequest = z.strictObject({
  manifest: Manifest,
  /** Digest of the bundle: a tree of chunk path → JavaScript, already uploaded. */
  bundle: DigestText,
  source: z.exactOptional(CodeSource),
  /** Digest of a tree, already uploaded: what no commit has of the code. */
  uncommitted: z.exactOptional(DigestText),
})
export type ApplyRequest = z.infer<typeof ApplyRequest>

/** Where a version of the code came from, `code:NAME@VERSION`. */
export const CodeVersion = z.strictObject({
  ref: z.string(),
  bundle: DigestText,
  /** Where the code was when it was first applied. */
  source: CodeSource,
  /** A tree: `uncommitted.diff`, as `git apply` takes it, and source files that git did not know below `files/`. */
  uncommitted: DigestText.nullable(),
  appliedAt: z.string(),
  actor: z.string(),
})
export type CodeVersion = z.infer<typeof CodeVersion>

export const PlanChange = z.strictObject({
  kind: z.string(),
  name: z.string(),
  change: z.enum(['added', 'changed', 'removed', 'unchanged']),
  fields: z.array(z.string()),
})
export type PlanChange = z.infer<typeof PlanChange>

export const ApplyReply = z.strictObject({
  ref: z.string(),
  changes: z.array(PlanChange),
  applied: z.boolean(),
})
export type ApplyReply = z.infer<typeof ApplyReply>

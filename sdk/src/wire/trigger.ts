import { z } from 'zod'
import { Verdict } from './gate.ts'
import { Duration, Name } from './ref.ts'
import { ValueSpec } from './pipeline.ts'
import { ReleasePlan } from './release.ts'

/** What may start a retraining. */
export const TriggerWhen = z.discriminatedUnion('kind', [
  /** PSI of a feature or of the score reached `act`. */
  z.strictObject({ kind: z.literal('drift'), monitor: Name }),
  /** Log loss got worse than at the gate by more than the monitor's `worseBy`. */
  z.strictObject({ kind: z.literal('quality'), monitor: Name }),
  z.strictObject({ kind: z.literal('schedule'), every: Duration }),
  z.strictObject({ kind: z.literal('new-data'), labels: z.number().int().positive() }),
])
export type TriggerWhen = z.infer<typeof TriggerWhen>

export const TriggerSpec = z.strictObject({
  name: Name,
  endpoint: Name,
  when: z.array(TriggerWhen).min(1),
  pipeline: Name,
  /** Parameters of the pipeline; the parameter named here gets the event time of the trigger. */
  untilParam: Name,
  params: z.record(Name, ValueSpec),
  /** Event time during which it does not fire again. */
  cooldown: Duration,
  release: ReleasePlan,
})
export type TriggerSpec = z.infer<typeof TriggerSpec>

/** How far a retraining has come. `waiting`: for an approval, or for an open canary to close. */
export const RetrainState = z.enum([
  'fired',
  'training',
  'waiting',
  'released',
  'rejected',
  'failed',
  'skipped',
])
export type RetrainState = z.infer<typeof RetrainState>

/** One firing of a trigger and what became of it. */
export const Retrain = z.strictObject({
  id: z.string(),
  trigger: z.string(),
  endpoint: z.string(),
  /** Which of the trigger's conditions held, in words. */
  why: z.strictObject({ kind: z.string(), message: z.string() }),
  /** Event time of the firing. */
  at: z.string(),
  state: RetrainState,
  pipelineRun: z.string().nullable(),
  /** `model:NAME@VERSION`; null until one is registered. */
  candidate: z.string().nullable(),
  champion: z.string().nullable(),
  verdict: Verdict.nullable(),
  reason: z.string().nullable(),
  release: z.string().nullable(),
  firedAt: z.string(),
  endedAt: z.string().nullable(),
})
export type Retrain = z.infer<typeof Retrain>

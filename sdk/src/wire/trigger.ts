import { z } from 'zod'
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

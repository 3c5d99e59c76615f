import { z } from 'zod'
import { Duration, Name } from './ref.ts'
import { Double } from './run.ts'

export const ParamValue = z.union([z.number(), z.string(), z.boolean()])
export type ParamValue = z.infer<typeof ParamValue>

/** A parameter that is asked only where another one, which stands before it, has one of these values. */
export const Condition = z.strictObject({ param: Name, is: z.array(ParamValue).min(1) })
export type Condition = z.infer<typeof Condition>

const range = {
  /** Bounds are inclusive. */
  low: z.number(),
  high: z.number(),
  /** Equal ratios count as equal distances. */
  log: z.exactOptional(z.boolean()),
  /** Values are low, low + step, …; of an int 1 unless told. Not with `log`, but for an int's 1. */
  step: z.exactOptional(z.number()),
  when: z.exactOptional(Condition),
}

/** A parameter that is searched. */
export const Dimension = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('float'), ...range }),
  z.strictObject({ kind: z.literal('int'), ...range }),
  z.strictObject({
    kind: z.literal('choice'),
    of: z.array(ParamValue).min(1),
    when: z.exactOptional(Condition),
  }),
])
export type Dimension = z.infer<typeof Dimension>

/** What is searched, by the names of the parameters, in the order in which they are asked. */
export const SearchSpace = z.record(Name, Dimension)
export type SearchSpace = Readonly<Record<string, Dimension>>

export const TrialParams = z.record(z.string(), ParamValue)
export type TrialParams = Readonly<Record<string, ParamValue>>

export const SamplerSpec = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('tpe'),
    /** Trials drawn at random before there is anything to learn from. */
    startup: z.int().min(1).max(1000).default(10),
  }),
  z.strictObject({ kind: z.literal('random') }),
  z.strictObject({
    kind: z.literal('grid'),
    /** Values of a range without steps, evenly spread. */
    points: z.int().min(1).max(1000).default(10),
  }),
])
export type SamplerSpec = z.infer<typeof SamplerSpec>

export const PrunerSpec = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({
    kind: z.literal('median'),
    /** Trials that finish before any is pruned. */
    startup: z.int().min(1).default(5),
    /** Steps that every trial may take. */
    warmup: z.int().min(0).default(0),
  }),
  z.strictObject({
    kind: z.literal('asha'),
    /** The step of the first rung. */
    firstStep: z.int().min(1).default(1),
    /** Of so many at a rung one goes on; the next rung is so many times as far. */
    reduction: z.int().min(2).default(4),
  }),
])
export type PrunerSpec = z.infer<typeof PrunerSpec>

export const StudySpec = z.strictObject({
  /** The experiment that its trials are logged under has the same. */
  name: Name,
  over: SearchSpace,
  /** What the trials' value is called among their metrics. */
  metric: z.string().min(1).max(250).default('value'),
  direction: z.enum(['minimize', 'maximize']).default('minimize'),
  sampler: SamplerSpec.default({ kind: 'tpe', startup: 10 }),
  pruner: PrunerSpec.default({ kind: 'none' }),
  /** Trials that must end; a grid has as many as it has points unless told. */
  trials: z.exactOptional(z.int().min(1).max(10_000)),
  /** Trials that run at a time. */
  parallel: z.int().min(1).max(1000).default(1),
  seed: z.int().min(0).max(4_294_967_295).default(0),
  /** A trial whose worker is silent for longer is lost, and replaced. */
  patience: Duration.default('1m'),
})
export type StudySpec = z.infer<typeof StudySpec>

/** `lost` ones are replaced and do not count; `failed` ones count, for their parameters do not work. */
export const TrialState = z.enum(['running', 'finished', 'pruned', 'failed', 'lost'])
export type TrialState = z.infer<typeof TrialState>

export const Trial = z.strictObject({
  /** From 0, in the order of their starts. */
  number: z.int(),
  /** The run that holds its parameters and metrics. */
  run: z.string(),
  state: TrialState,
  params: TrialParams,
  /** Of a pruned trial the last it reported; null where there is none. */
  value: Double.nullable(),
  /** The last step it reported at. */
  step: z.int().nullable(),
})
export type Trial = z.infer<typeof Trial>

export const Study = z.strictObject({
  ...StudySpec.shape,
  trials: z.int(),
  /** The run whose children the trials are. */
  run: z.string(),
  /** MLflow's id of the experiment. */
  experiment: z.string(),
  state: z.enum(['running', 'done']),
  counts: z.record(TrialState, z.int()),
  best: Trial.nullable(),
  /** How much each parameter decides whether a trial is among the best: shares of 1, or 0 while nothing can be told. */
  importance: z.record(z.string(), z.number()),
})
export type Study = z.infer<typeof Study>

export const StudySummary = Study.pick({
  name: true,
  run: true,
  state: true,
  trials: true,
  counts: true,
  best: true,
})
export type StudySummary = z.infer<typeof StudySummary>

/** What a worker is to do next. */
export const Asked = z.discriminatedUnion('state', [
  z.strictObject({
    state: z.literal('trial'),
    number: z.int(),
    run: z.string(),
    params: TrialParams,
    /** Goes into all that is said of the trial. */
    fence: z.int(),
    /** How long it may be silent. */
    patienceMs: z.number(),
  }),
  /** As many trials run as may: ask again later. */
  z.strictObject({ state: z.literal('wait') }),
  z.strictObject({ state: z.literal('done') }),
])
export type Asked = z.infer<typeof Asked>

export const TrialHeartbeat = z.strictObject({ fence: z.int() })

export const TrialReport = z.strictObject({
  fence: z.int(),
  step: z.int().min(0),
  value: Double,
})

const ending = {
  fence: z.int(),
  /** The run that did the trial's work, where that is another. */
  by: z.exactOptional(z.string().min(1)),
}

export const TrialEnd = z.discriminatedUnion('state', [
  z.strictObject({ state: z.literal('finished'), value: Double, ...ending }),
  z.strictObject({ state: z.literal('pruned'), ...ending }),
  z.strictObject({ state: z.literal('failed'), message: z.string(), ...ending }),
])
export type TrialEnd = z.infer<typeof TrialEnd>

import type { z } from 'zod'
import type { ReleasePlan } from '../wire/release.ts'
import { DefinitionError } from './definition-error.ts'
import { checkDuration, type Duration } from './duration.ts'

/** How a version goes out; presets are filled in by the server. */
export type ReleasePlanDraft = z.input<typeof ReleasePlan>

/** One share of a canary and what it takes to go on from it; what is left out, the canary says for all. */
export interface StageOptions {
  /** Percent of subjects that the new version answers, above 0 and below 100. */
  readonly percent: number
  /** Requests to the new version before the stage may pass. */
  readonly minSamples?: number
  /** Event time since the stage began after which it is taken back, undecided. */
  readonly deadline?: Duration
  /** Who lets it go on once it has passed: the analysis, or a person. */
  readonly advance?: 'automatic' | 'manual'
}

/** How large a canary is, and when it has proved itself. */
export interface CanaryOptions {
  /** Share of subjects that the new version answers, above 0 and below 1; 0.1 unless told. */
  readonly weight?: number
  /** Instead of `weight`: rising percents, each judged by itself; 100 comes after the last and may be named. */
  readonly stages?: readonly (number | StageOptions)[]
  /** Requests to the new version before a stage may pass; none unless told. */
  readonly minSamples?: number
  /** Who lets a stage go on that has passed: the analysis unless told. */
  readonly advance?: 'automatic' | 'manual'
  /** Passes once its failure rate is surely below this; 0.01 unless told. */
  readonly ceiling?: number
  /** Passes once its failures are surely fewer than this many times the stable version's; 1.5 unless told. */
  readonly margin?: number
  /** Judges latency too: an answer that takes longer than this many milliseconds is slow. */
  readonly slowMs?: number
  /** Passes once its share of slow answers is surely below this; 0.05 unless told. */
  readonly slowCeiling?: number
  /** Event time after which an undecided stage is taken back; it waits for ever unless told. */
  readonly deadline?: Duration
}

/**
 * A small share first, watched; everything once it has proved itself, or back. `canary(10, 50, 100)` is the short form
 * of `canary({ stages: [10, 50, 100] })`.
 */
export function canary(...percents: readonly number[]): ReleasePlanDraft
export function canary(options: CanaryOptions): ReleasePlanDraft
export function canary(...told: readonly (number | CanaryOptions)[]): ReleasePlanDraft {
  const [first] = told
  const options =
    typeof first === 'object'
      ? first
      : first === undefined
        ? {}
        : { stages: told.filter((one) => typeof one === 'number') }
  return { kind: 'canary', ...sharesOf(options), ...judgedBy(options) }
}

function sharesOf({ weight, stages }: CanaryOptions): Partial<ReleasePlanDraft> {
  if (stages !== undefined) {
    if (weight !== undefined)
      throw new DefinitionError('canary.weight', 'say either weight or stages')
    return { stages: stagesOf(stages) }
  }
  const weightBp = Math.round((weight ?? 0.1) * 10_000)
  if (weightBp >= 1 && weightBp <= 9999) return { weightBp }
  throw new DefinitionError('canary.weight', `expected a share above 0 and below 1, got ${weight}`)
}

function stagesOf(told: readonly (number | StageOptions)[]) {
  const stages = told.map((one) => (typeof one === 'number' ? { percent: one } : one))
  const falls = stages.findIndex(({ percent }, i) => !(percent > (stages[i - 1]?.percent ?? 0)))
  const here = `canary.stages.${falls}`
  if (falls >= 0)
    throw new DefinitionError(here, `expected rising percents, got ${stages[falls]?.percent}`)
  const whole = stages.findIndex(({ percent }) => percent >= 100)
  if (whole >= 0 && (stages[whole]?.percent !== 100 || whole === 0))
    throw new DefinitionError(
      `canary.stages.${whole}`,
      'expected a percent below 100 first; immediate() is all at once',
    )
  if (stages.length === 0) throw new DefinitionError('canary.stages', 'expected at least one')
  return stages
    .filter(({ percent }) => percent < 100)
    .map(({ percent, deadline, ...rest }, i) => {
      if (deadline !== undefined) checkDuration(`canary.stages.${i}.deadline`, deadline)
      checkSamples(`canary.stages.${i}.minSamples`, rest.minSamples)
      return {
        weightBp: Math.max(1, Math.round(percent * 100)),
        ...rest,
        ...(deadline !== undefined && { deadline }),
      }
    })
}

function judgedBy(options: CanaryOptions): Partial<ReleasePlanDraft> {
  const { minSamples, advance, ceiling, margin, slowMs, slowCeiling, deadline } = options
  checkRate('canary.ceiling', ceiling)
  checkRate('canary.slowCeiling', slowCeiling)
  checkSamples('canary.minSamples', minSamples)
  if (margin !== undefined && !(margin >= 1))
    throw new DefinitionError('canary.margin', `expected a ratio from 1, got ${margin}`)
  if (slowMs !== undefined && !(slowMs > 0))
    throw new DefinitionError('canary.slowMs', `expected milliseconds above 0, got ${slowMs}`)
  if (deadline !== undefined) checkDuration('canary.deadline', deadline)
  return {
    ...(minSamples !== undefined && { minSamples }),
    ...(advance !== undefined && { advance }),
    ...(ceiling !== undefined && { ceiling }),
    ...(margin !== undefined && { margin }),
    ...(slowMs !== undefined && { slowMs }),
    ...(slowCeiling !== undefined && { slowCeiling }),
    ...(deadline !== undefined && { deadline }),
  }
}

function checkRate(field: string, rate: number | undefined): void {
  if (rate !== undefined && !(rate > 0 && rate <= 1))
    throw new DefinitionError(field, `expected a rate above 0 and up to 1, got ${rate}`)
}

function checkSamples(field: string, count: number | undefined): void {
  if (count !== undefined && !(Number.isInteger(count) && count >= 0))
    throw new DefinitionError(field, `expected a whole number from 0, got ${count}`)
}

/** All traffic at once. */
export function immediate() {
  return { kind: 'immediate' } as const satisfies ReleasePlanDraft
}

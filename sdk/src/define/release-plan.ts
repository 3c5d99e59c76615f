import type { z } from 'zod'
import type { ReleasePlan } from '../wire/release.ts'
import { DefinitionError } from './definition-error.ts'
import { checkDuration, type Duration } from './duration.ts'

/** How a version goes out; presets are filled in by the server. */
export type ReleasePlanDraft = z.input<typeof ReleasePlan>

/** How large a canary is, and when it has proved itself. */
export interface CanaryOptions {
  /** Share of subjects that the new version answers, above 0 and below 1; 0.1 unless told. */
  readonly weight?: number
  /** Passes once its failure rate is surely below this; 0.01 unless told. */
  readonly ceiling?: number
  /** Passes once its failures are surely fewer than this many times the stable version's; 1.5 unless told. */
  readonly margin?: number
  /** Event time after which an undecided canary is taken back; it waits for ever unless told. */
  readonly deadline?: Duration
}

/** A small share first, watched; everything once it has proved itself, or back. */
export function canary({ weight = 0.1, ceiling, margin, deadline }: CanaryOptions = {}) {
  const weightBp = Math.round(weight * 10_000)
  if (!(weightBp >= 1 && weightBp <= 9999))
    throw new DefinitionError(
      'canary.weight',
      `expected a share above 0 and below 1, got ${weight}`,
    )
  if (ceiling !== undefined && !(ceiling > 0 && ceiling <= 1))
    throw new DefinitionError(
      'canary.ceiling',
      `expected a rate above 0 and up to 1, got ${ceiling}`,
    )
  if (margin !== undefined && !(margin >= 1))
    throw new DefinitionError('canary.margin', `expected a ratio from 1, got ${margin}`)
  if (deadline !== undefined) checkDuration('canary.deadline', deadline)
  return {
    kind: 'canary',
    weightBp,
    ...(ceiling !== undefined && { ceiling }),
    ...(margin !== undefined && { margin }),
    ...(deadline !== undefined && { deadline }),
  } as const satisfies ReleasePlanDraft
}

/** All traffic at once. */
export function immediate() {
  return { kind: 'immediate' } as const satisfies ReleasePlanDraft
}

import type { ReleasePlan } from '@gyre/sdk/wire/release'
import { z } from 'zod'
import { GyreError } from '../core/errors.ts'

/** How `gyre release start` is told of a plan. */
export const StartOptions = z.object({
  canary: z.exactOptional(z.coerce.number().gt(0).lt(100)),
  plan: z.exactOptional(z.string()),
  manual: z.boolean().default(false),
  minSamples: z.exactOptional(z.coerce.number().int().min(0)),
  deadline: z.exactOptional(z.string()),
  slow: z.exactOptional(z.coerce.number().positive()),
  shadow: z.boolean().default(false),
  blueGreen: z.boolean().default(false),
  bandit: z.boolean().default(false),
  floor: z.exactOptional(z.coerce.number().min(0.01).max(50)),
  cap: z.exactOptional(z.coerce.number().min(0.01).lt(100)),
  horizon: z.exactOptional(z.string()),
  sample: z.exactOptional(z.coerce.number().min(0.01).max(100)),
  tolerance: z.exactOptional(z.coerce.number().min(0)),
  why: z.exactOptional(z.string().min(1)),
  force: z.exactOptional(z.string().min(1)),
})
export type StartOptions = z.infer<typeof StartOptions>

/** Throws INVALID_ARGUMENT naming the option. */
export function planOf(options: Omit<StartOptions, 'why' | 'force'>): Partial<ReleasePlan> {
  const { canary, plan, manual, minSamples, deadline, slow } = options
  const judged = { canary, plan, manual: manual || undefined, minSamples, deadline, slow }
  const { floor, cap, horizon } = options
  if (options.bandit) return banditOf(options, { ...judged, shadow: options.shadow || undefined })
  refuse({ floor, cap, horizon }, 'only of a --bandit')
  if (options.blueGreen) {
    refuse({ ...judged, shadow: options.shadow || undefined }, 'blue-green is one switch, by hand')
    return { kind: 'blue-green' }
  }
  if (options.shadow) return shadowOf(options, judged)
  refuse({ sample: options.sample, tolerance: options.tolerance }, 'only of a --shadow')
  if (canary !== undefined && plan !== undefined)
    throw invalid('plan', 'say either --canary or --plan')
  const percents = plan === undefined ? [canary ?? 100] : readPercents(plan)
  const stages = percents
    .filter((percent) => percent < 100)
    .map((percent) => ({ weightBp: Math.round(percent * 100) }))
  if (stages.length > 0)
    return {
      kind: 'canary',
      stages,
      ...(manual && { advance: 'manual' as const }),
      ...(minSamples !== undefined && { minSamples }),
      ...(deadline !== undefined && { deadline }),
      ...(slow !== undefined && { slowMs: slow }),
    }
  refuse(
    { ...judged, plan: undefined },
    'only a release in stages is judged: say --plan or --canary',
  )
  return { kind: 'immediate' }
}

function banditOf(
  { floor, cap, horizon }: Pick<StartOptions, 'floor' | 'cap' | 'horizon'>,
  judged: Readonly<Record<string, unknown>>,
): Partial<ReleasePlan> {
  refuse(judged, 'a bandit finds its own shares')
  return {
    kind: 'bandit',
    ...(floor !== undefined && { floorBp: Math.round(floor * 100) }),
    ...(cap !== undefined && { capBp: Math.round(cap * 100) }),
    ...(horizon !== undefined && { horizon }),
  }
}

function shadowOf(
  { sample, tolerance }: Pick<StartOptions, 'sample' | 'tolerance'>,
  judged: Readonly<Record<string, unknown>>,
): Partial<ReleasePlan> {
  refuse(judged, 'a shadow answers nobody: it has no stages')
  return {
    kind: 'shadow',
    ...(sample !== undefined && { sampleBp: Math.round(sample * 100) }),
    ...(tolerance !== undefined && { tolerance }),
  }
}

/** Throws for the first option that is set. */
function refuse(options: Readonly<Record<string, unknown>>, message: string): void {
  const [odd] = Object.entries(options).find(([, value]) => value !== undefined) ?? []
  if (odd !== undefined) throw invalid(odd, message)
}

/** `10,50,100`: rising, above 0, up to 100, which need not be named. */
function readPercents(text: string): readonly number[] {
  const percents = text.split(',').map(Number)
  const isPlan = percents.every((p, i) => p > (percents[i - 1] ?? 0) && p <= 100)
  if (isPlan) return percents
  throw invalid('plan', `expected rising percents such as 10,50,100, got ${text}`)
}

function invalid(field: string, message: string): GyreError {
  const option = field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  return new GyreError('INVALID_ARGUMENT', `--${option}: ${message}`, { field })
}

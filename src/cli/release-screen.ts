import type { ReleaseStatus } from '@gyre/sdk/wire/release'
import { table } from './table.ts'

/** How far a release has come, by stage and metric, and who said what. */
export function describeStatus({ release, stages, shadow, bandit }: ReleaseStatus): string {
  const { endpoint, kind, from, to, state, actor, openedAt, why, reason, forced } = release
  const facts = [
    `${endpoint}: ${kind} ${from ?? 'nothing'} → ${to}, ${state.replace('_', ' ')}`,
    `opened by ${actor} at ${openedAt}${why === null ? '' : `: ${why}`}`,
    ...(forced === null ? [] : [`forced past its gate: ${forced}`]),
    ...(reason === null ? [] : [reason]),
  ]
  if (shadow) return [...facts, ...shadowFacts(shadow)].join('\n')
  if (bandit) return [...facts, '', banditTable(bandit)].join('\n')
  if (stages.length === 0) return facts.join('\n')
  const rows = stages.flatMap(({ weightBp, advance, minSamples, state: reached, metrics }, i) =>
    metrics.map(({ metric, canary, stable, verdict, reason: because }) => [
      String(i + 1),
      `${weightBp / 100} %`,
      reached,
      advance,
      String(minSamples),
      metric,
      `${canary.failures} of ${canary.requests}`,
      `${stable.failures} of ${stable.requests}`,
      reached === 'ahead' ? '' : verdict,
      reached === 'ahead' ? '' : because,
    ]),
  )
  const heads = ['stage', 'share', '', 'goes on', 'least', 'metric', 'canary', 'stable']
  return [...facts, '', table([...heads, 'verdict', 'because'], rows)].join('\n')
}

function shadowFacts(shadow: NonNullable<ReleaseStatus['shadow']>): readonly string[] {
  const { compared, agreed, failed, dropped, maxAbsDiff, primaryMs, shadowMs } = shadow
  const share = compared === 0 ? '' : ` (${((100 * agreed) / compared).toFixed(2)} %)`
  return [
    `agrees on ${agreed} of ${compared}${share}, ${failed} failed, ${dropped} dropped`,
    `largest difference ${maxAbsDiff ?? 'unknown'}`,
    ...(primaryMs === null || shadowMs === null
      ? []
      : [`on average ${shadowMs.toFixed(2)} ms, the primary ${primaryMs.toFixed(2)} ms`]),
  ]
}

function banditTable({ arms, weightBp }: NonNullable<ReleaseStatus['bandit']>): string {
  const rows = arms.map(({ model, successes, failures, mean, allocation, observed }, i) => [
    model,
    `${(i === 0 ? 10_000 - weightBp : weightBp) / 100} %`,
    String(successes),
    String(failures),
    mean.toFixed(4),
    percent(allocation),
    percent(observed),
  ])
  const heads = ['arm', 'share', 'labels 1', 'labels 0', 'mean']
  return table([...heads, 'share of labels', 'share of requests'], rows)
}

function percent(share: number | null): string {
  return share === null ? '' : `${(share * 100).toFixed(1)} %`
}

import type { Metrics } from '@gyre/sdk/wire/gate'
import type { ModelReport, ModelVersion, ServedArm } from '@gyre/sdk/wire/model'
import type { Lineage } from '@gyre/sdk/wire/lineage'
import type { RouteState } from '@gyre/sdk/wire/release'
import type { Context } from '../core/context.ts'
import { parseRef } from '../core/ref.ts'
import type { Catalog } from '../store/catalog.ts'
import type { Runs } from '../store/runs.ts'
import { PRODUCTION } from './alias.ts'
import { lastDecision, standingApprovals } from './approval.ts'
import type { Verdicts } from './gate-check.ts'

/** A run may have thousands: a report is one screen. */
const MAX_METRICS = 50

export interface ReportDeps {
  readonly catalog: Catalog
  readonly verdicts: Verdicts
  readonly runs: Pick<Runs, 'find'>
  readonly lineage: (ctx: Context, ref: string, direction: 'up') => Promise<Lineage>
}

interface Subject {
  readonly name: string
  readonly versions: readonly ModelVersion[]
  readonly routes: readonly RouteState[]
}

/** Where a model answers, what it was trained on, who approved it and what its gate found. Throws NOT_FOUND. */
export async function reportModel(
  deps: ReportDeps,
  ctx: Context,
  { name, versions, routes }: Subject,
): Promise<ModelReport> {
  const production =
    versions.find((version) => version.aliases.includes(PRODUCTION)) ??
    versions.find((version) => version.stage === 'production')
  return {
    name,
    serving: routes.flatMap(armsOf).filter(({ model }) => parseRef(model).name === name),
    production: production ? await describeVersion(deps, ctx, production) : null,
    versions: [...versions],
  }
}

/** What it was made of, who approved it and how good it is. */
export async function describeVersion(
  { catalog, verdicts, runs, lineage }: ReportDeps,
  ctx: Context,
  version: ModelVersion,
) {
  const { nodes } = await lineage(ctx, version.ref, 'up')
  const standing = await verdicts.standing(catalog.read, ctx, version.digest)
  // Who has to decide is told of a refusal first.
  const refused = standing.find(({ passed }) => !passed)
  const verdict = refused ?? (await verdicts.passing(catalog.read, ctx, version.digest)) ?? null
  const judged = { version, verdicts: standing }
  return {
    version,
    data: nodes.filter(({ kind }) => kind === 'dataset' || kind === 'endpoint'),
    approval: lastDecision(judged) ?? null,
    standing: [...standingApprovals(judged)],
    verdict,
    metrics: verdict?.metrics.candidate ?? (await metricsOf(runs, ctx, version)),
  }
}

/** As it was registered; a client registers without, then its run tells. */
async function metricsOf(
  runs: ReportDeps['runs'],
  ctx: Context,
  { metrics, runId }: ModelVersion,
): Promise<Metrics> {
  if (Object.keys(metrics).length > 0 || runId === null) return metrics
  const logged = Object.entries((await runs.find(ctx, runId))?.metrics ?? {})
  return Object.fromEntries(
    logged
      .slice(0, MAX_METRICS)
      .map(([key, value]) => [key, Number.isFinite(value) ? value : null]),
  )
}

function armsOf({ endpoint, stable, canary }: RouteState): ServedArm[] {
  const canaryBp = canary?.weightBp ?? 0
  const arms: ServedArm[] = []
  if (stable !== null)
    arms.push({ endpoint, arm: 'stable', model: stable, weightBp: 10_000 - canaryBp })
  if (canary) arms.push({ endpoint, arm: 'canary', model: canary.model, weightBp: canaryBp })
  return arms
}

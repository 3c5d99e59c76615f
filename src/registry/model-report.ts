import type { ModelReport, ModelVersion, ServedArm } from '@gyre/sdk/wire/model'
import type { Lineage } from '@gyre/sdk/wire/lineage'
import type { RouteState } from '@gyre/sdk/wire/release'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { parseRef } from '../core/ref.ts'
import type { Catalog } from '../store/catalog.ts'
import { PRODUCTION } from './alias.ts'
import { lastApproval } from './approval.ts'
import type { Verdicts } from './gate-check.ts'

interface ReportDeps {
  readonly catalog: Catalog
  readonly verdicts: Verdicts
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
  if (versions.length === 0) throw new GyreError('NOT_FOUND', `no such model: ${name}`, { name })
  const production = versions.find((version) => version.aliases.includes(PRODUCTION))
  return {
    name,
    serving: routes.flatMap(armsOf).filter(({ model }) => parseRef(model).name === name),
    production: production ? await describe(deps, ctx, production) : null,
    versions: [...versions],
  }
}

async function describe(
  { catalog, verdicts, lineage }: ReportDeps,
  ctx: Context,
  version: ModelVersion,
) {
  const { nodes } = await lineage(ctx, version.ref, 'up')
  return {
    version,
    data: nodes.filter(({ kind }) => kind === 'dataset'),
    approval: lastApproval(version) ?? null,
    verdict: (await verdicts.passing(catalog.read, ctx, version.digest)) ?? null,
  }
}

function armsOf({ endpoint, stable, canary }: RouteState): ServedArm[] {
  const canaryBp = canary?.weightBp ?? 0
  const arms: ServedArm[] = []
  if (stable !== null)
    arms.push({ endpoint, arm: 'stable', model: stable, weightBp: 10_000 - canaryBp })
  if (canary) arms.push({ endpoint, arm: 'canary', model: canary.model, weightBp: canaryBp })
  return arms
}

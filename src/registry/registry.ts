import type { ModelReport, ModelVersion, Stage } from '@gyre/sdk/wire/model'
import type { RouteState } from '@gyre/sdk/wire/release'
import type { Lineage, LineageDirection } from '@gyre/sdk/wire/lineage'
import type { Verdict } from '@gyre/sdk/wire/gate'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import type { Runs } from '../store/runs.ts'
import { assertFreeAlias, moveAlias, PRODUCTION } from './alias.ts'
import { assertApproved, decide, type Decision } from './approval.ts'
import { assertPassed, type Verdicts } from './gate-check.ts'
import { walkLineage } from './lineage.ts'
import type { FindPrediction } from './lineage-node.ts'
import { reportModel } from './model-report.ts'
import {
  findVersion,
  getVersion,
  keyOf,
  listVersions,
  modelSubject,
  versionsOfRun,
} from './model-version.ts'
import { addVersion, type NewModelVersion } from './new-version.ts'
import { assertMove } from './stage.ts'

export interface RegistryDeps {
  readonly catalog: Catalog
  readonly events: Events
  readonly runs: Runs
  readonly clock: Clock
  readonly verdicts: Verdicts
  /** True where nobody may approve a version of their own. */
  readonly fourEyes: (ctx: Context) => Promise<boolean>
  /** The model that answered a prediction, for lineage. */
  readonly findPrediction: FindPrediction
}

/**
 * Immutable versions of models and what was decided about them. References are `model:NAME@VERSION` or
 * `model:NAME@ALIAS`. Verbs that take a `tx` are then part of that unit, else a unit of their own.
 */
export interface Registry {
  /** The next version of the name; the same files from the same run give the same version again. */
  register(ctx: Context, version: NewModelVersion, tx?: Tx): Promise<ModelVersion>
  /** Throws NOT_FOUND. */
  get(ctx: Context, ref: string, tx?: Tx): Promise<ModelVersion>
  find(ctx: Context, ref: string, tx?: Tx): Promise<ModelVersion | undefined>
  /** Newest first within each name; of one name when given. */
  list(ctx: Context, name?: string): Promise<readonly ModelVersion[]>
  /**
   * Moves a version by hand; never moves traffic. Throws CONFLICT for a move that is not allowed, and for
   * production APPROVAL_MISSING and GATE_REFUSED.
   */
  stage(ctx: Context, ref: string, stage: Stage, tx?: Tx): Promise<ModelVersion>
  /** Throws CONFLICT for `production`, which follows releases, and NOT_FOUND. */
  setAlias(ctx: Context, ref: string, alias: string, tx?: Tx): Promise<ModelVersion>
  /** Throws FORBIDDEN when the author approves under four eyes. The last decision counts. */
  approve(ctx: Context, ref: string, decision: Decision, tx?: Tx): Promise<ModelVersion>
  /** The verdict that lets a version into production. Throws APPROVAL_MISSING and GATE_REFUSED. */
  assertReleasable(tx: Tx, ctx: Context, ref: string): Promise<Verdict>
  /** Makes a version the one in production: alias, its stage, and the stage of the one before. For releases. */
  putInProduction(tx: Tx, ctx: Context, ref: string): Promise<void>
  /** The four answers about a model: where, from what, approved by whom, how good. Throws NOT_FOUND. */
  show(ctx: Context, name: string, routes: readonly RouteState[]): Promise<ModelReport>
  /** What a thing was made of, and what was made of it. Throws NOT_FOUND and INVALID_ARGUMENT. */
  lineage(ctx: Context, ref: string, direction: LineageDirection): Promise<Lineage>
}

export function createRegistry(deps: RegistryDeps): Registry {
  const { catalog, events, runs, verdicts, findPrediction } = deps
  const inUnit = <T>(tx: Tx | undefined, unit: (tx: Tx) => Promise<T>) =>
    tx ? unit(tx) : catalog.write(unit)

  async function setStage(tx: Tx, ctx: Context, version: ModelVersion, to: Stage): Promise<void> {
    if (version.stage === to) return
    await tx
      .updateTable('model_versions')
      .set({ stage: to })
      .where('project', '=', ctx.project)
      .where('name', '=', version.name)
      .where('version', '=', Number(version.version))
      .execute()
    await events.append(tx, ctx, {
      type: 'model.staged',
      subject: modelSubject(keyOf(version)),
      data: { from: version.stage, to },
    })
  }

  async function assertReleasable(tx: Tx, ctx: Context, ref: string): Promise<Verdict> {
    const version = await getVersion(tx, ctx, ref)
    assertApproved(version)
    return assertPassed(verdicts, tx, ctx, version)
  }

  const lineage = (ctx: Context, ref: string, direction: LineageDirection) =>
    walkLineage(
      {
        runs,
        findVersion: (of, model) => findVersion(catalog.read, of, model),
        versionsOfRun: (of, runId) => versionsOfRun(catalog.read, of, runId),
        findPrediction,
      },
      ctx,
      ref,
      direction,
    )

  return {
    get: (ctx, ref, tx) => getVersion(tx ?? catalog.read, ctx, ref),
    find: (ctx, ref, tx) => findVersion(tx ?? catalog.read, ctx, ref),
    list: (ctx, name) => listVersions(catalog.read, ctx, name),
    assertReleasable,
    lineage,

    register: (ctx, version, tx) => inUnit(tx, (unit) => addVersion(deps, unit, ctx, version)),

    stage: (ctx, ref, stage, tx) =>
      inUnit(tx, async (unit) => {
        const version = await getVersion(unit, ctx, ref)
        assertMove(version.ref, version.stage, stage)
        if (stage === 'production') await assertReleasable(unit, ctx, version.ref)
        await setStage(unit, ctx, version, stage)
        return getVersion(unit, ctx, version.ref)
      }),

    setAlias: (ctx, ref, alias, tx) =>
      inUnit(tx, async (unit) => {
        const version = await getVersion(unit, ctx, ref)
        assertFreeAlias(alias)
        await moveAlias(deps, unit, ctx, alias, keyOf(version))
        return getVersion(unit, ctx, version.ref)
      }),

    approve: (ctx, ref, decision, tx) =>
      inUnit(tx, async (unit) => {
        const version = await getVersion(unit, ctx, ref)
        await decide(deps, unit, ctx, version, decision)
        return getVersion(unit, ctx, version.ref)
      }),

    async putInProduction(tx, ctx, ref) {
      const version = await getVersion(tx, ctx, ref)
      const before = await findVersion(tx, ctx, `model:${version.name}@${PRODUCTION}`)
      if (before && before.ref !== version.ref) await setStage(tx, ctx, before, 'archived')
      await setStage(tx, ctx, version, 'production')
      await moveAlias(deps, tx, ctx, PRODUCTION, keyOf(version))
    },

    async show(ctx, name, routes) {
      const versions = await listVersions(catalog.read, ctx, name)
      return reportModel({ verdicts, catalog, lineage }, ctx, { name, versions, routes })
    },
  }
}

import type { Approval, ModelCard, ModelReport, ModelVersion } from '@gyre/sdk/wire/model'
import type { Stage } from '@gyre/sdk/wire/stage'
import type { RouteState } from '@gyre/sdk/wire/release'
import type { Lineage, LineageDirection } from '@gyre/sdk/wire/lineage'
import type { Verdict } from '@gyre/sdk/wire/gate'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import type { Digest } from '../core/digest.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import type { Runs } from '../store/runs.ts'
import { assertFreeAlias, isPromoting, moveAlias, PRODUCTION } from './alias.ts'
import { assertApproved, decide, lastDecision, type Decision } from './approval.ts'
import type { FindEndpoints } from './endpoint-use.ts'
import { assertPassed, type Verdicts } from './gate-check.ts'
import { walkLineage } from './lineage.ts'
import type { FindPrediction } from './lineage-node.ts'
import { reportModel } from './model-report.ts'
import type { FindPolicy } from './model-policy.ts'
import {
  findByDigest,
  findVersion,
  getVersion,
  listVersions,
  versionsOfRun,
} from './model-version.ts'
import { createModelImports, type ModelImports } from './import.ts'
import { cardOf } from './model-card.ts'
import { createModels, type Models } from './models.ts'
import { addVersion, type NewModelVersion } from './new-version.ts'
import { assertPromotable } from './promotion.ts'
import { registerFiles } from './register-files.ts'
import { registerSource } from './register-source.ts'
import { registerNumbered } from './register-numbered.ts'
import { seqOfModel } from './registered-model.ts'
import type { Freeze, TellLoggedModel } from './sourced-version.ts'
import { moveStage, othersIn } from './stage-move.ts'
import { assertMove, assertNotServing } from './stage.ts'
import { keyOf, type VersionKey } from './version-key.ts'
import { createVersions, type Versions } from './versions.ts'

export interface RegistryDeps {
  readonly catalog: Catalog
  readonly events: Events
  readonly runs: Runs
  readonly clock: Clock
  readonly blobs: Pick<Blobs, 'readTree' | 'read' | 'sizeOf' | 'putTree'>
  readonly verdicts: Verdicts
  /** What the project's code asks of a model. */
  readonly policy: FindPolicy
  /** Who answers with which versions. */
  readonly endpoints: FindEndpoints
  readonly freeze: Freeze
  readonly tellLoggedModel: TellLoggedModel
  /** The model that answered a prediction, for lineage. */
  readonly findPrediction: FindPrediction
}

/**
 * Immutable versions of models and what was decided about them. References are `model:NAME@VERSION` or
 * `model:NAME@ALIAS`. Verbs that take a `tx` are then part of that unit, else a unit of their own.
 */
export interface Registry {
  readonly models: Models
  readonly versions: Versions
  readonly imports: ModelImports
  /** The next version of the name; the same files from the same run give the same version again. */
  register(ctx: Context, version: NewModelVersion, tx?: Tx): Promise<ModelVersion>
  /** A version made of stored files, each by its path; the same files give the same version. Throws NOT_FOUND. */
  registerFiles(
    ctx: Context,
    name: string,
    files: Readonly<Record<string, Digest>>,
  ): Promise<ModelVersion>
  /** The same of files that a run or a logged model holds: `runs:/RUN/PATH`. */
  registerSource(ctx: Context, name: string, source: string): Promise<ModelVersion>
  /** The version of this number, made of this tree, registered unless it is. Throws CONFLICT where it is another. */
  registerNumbered(ctx: Context, key: VersionKey, digest: Digest): Promise<ModelVersion>
  /** Throws NOT_FOUND. */
  get(ctx: Context, ref: string, tx?: Tx): Promise<ModelVersion>
  find(ctx: Context, ref: string, tx?: Tx): Promise<ModelVersion | undefined>
  /** The newest version of a name that consists of these files. */
  findByDigest(
    ctx: Context,
    name: string,
    digest: string,
    tx?: Tx,
  ): Promise<ModelVersion | undefined>
  /** Newest first within each name; of one name when given. Prompts of MLflow's clients are listed by name alone. */
  list(ctx: Context, name?: string): Promise<readonly ModelVersion[]>
  /**
   * Moves a version by hand; never moves traffic. Throws CONFLICT for a move that is not allowed, and for
   * production of a gated model APPROVAL_MISSING and GATE_REFUSED.
   */
  stage(ctx: Context, ref: string, stage: Stage, tx?: Tx): Promise<ModelVersion>
  /**
   * Throws CONFLICT for `production`, which follows releases, NOT_FOUND, and for `champion` of a gated model
   * APPROVAL_MISSING and GATE_REFUSED.
   */
  setAlias(ctx: Context, ref: string, alias: string, tx?: Tx): Promise<ModelVersion>
  /** Throws FORBIDDEN when the author approves under four eyes. The last decision counts. */
  approve(ctx: Context, ref: string, decision: Decision, tx?: Tx): Promise<ModelVersion>
  /** The decision about a version that counts now: not an approval of other gates' verdicts. Throws NOT_FOUND. */
  decision(tx: Tx, ctx: Context, ref: string): Promise<Approval | undefined>
  /** The verdict that lets a version into production. Throws APPROVAL_MISSING and GATE_REFUSED. */
  assertReleasable(tx: Tx, ctx: Context, ref: string): Promise<Verdict>
  /** Makes a version the one in production: alias, its stage, and the stage of the one before. For releases. */
  putInProduction(tx: Tx, ctx: Context, ref: string): Promise<void>
  /** The four answers about a model: where, from what, approved by whom, how good. Throws NOT_FOUND. */
  show(ctx: Context, name: string, routes: readonly RouteState[]): Promise<ModelReport>
  /** All that is known of one version. Throws NOT_FOUND. */
  card(ctx: Context, ref: string): Promise<ModelCard>
  /** What a thing was made of, and what was made of it. Throws NOT_FOUND and INVALID_ARGUMENT. */
  lineage(ctx: Context, ref: string, direction: LineageDirection): Promise<Lineage>
}

export function createRegistry(deps: RegistryDeps): Registry {
  const { catalog, runs, verdicts, findPrediction } = deps
  const inUnit = <T>(tx: Tx | undefined, unit: (tx: Tx) => Promise<T>) =>
    tx ? unit(tx) : catalog.write(unit)

  async function assertReleasable(tx: Tx, ctx: Context, ref: string): Promise<Verdict> {
    const version = await getVersion(tx, ctx, ref)
    const policy = await deps.policy(tx, ctx, version.name)
    await assertApproved(verdicts, tx, ctx, version, policy)
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

  const moves = createVersions(deps)
  return {
    models: createModels(deps),
    versions: moves,
    imports: createModelImports({ ...deps, moves }),
    registerFiles: (ctx, name, files) => registerFiles(deps, ctx, name, files),
    registerSource: (ctx, name, source) => registerSource(deps, ctx, name, source),
    registerNumbered: (ctx, key, digest) => registerNumbered(deps, ctx, key, digest),
    get: (ctx, ref, tx) => getVersion(tx ?? catalog.read, ctx, ref),
    find: (ctx, ref, tx) => findVersion(tx ?? catalog.read, ctx, ref),
    findByDigest: (ctx, name, digest, tx) => findByDigest(tx ?? catalog.read, ctx, name, digest),
    list: (ctx, name) => listVersions(catalog.read, ctx, name),
    assertReleasable,
    lineage,

    async decision(tx, ctx, ref) {
      const version = await getVersion(tx, ctx, ref)
      return lastDecision({ version, verdicts: await verdicts.standing(tx, ctx, version.digest) })
    },

    card: async (ctx, ref) =>
      cardOf({ ...deps, lineage }, ctx, await getVersion(catalog.read, ctx, ref)),

    register: (ctx, version, tx) => inUnit(tx, (unit) => addVersion(deps, unit, ctx, version)),

    stage: (ctx, ref, stage, tx) =>
      inUnit(tx, async (unit) => {
        const version = await getVersion(unit, ctx, ref)
        const policy = await deps.policy(unit, ctx, version.name)
        assertMove(version.ref, version.stage, stage, policy)
        assertNotServing(version)
        if (stage === 'production') await assertPromotable(deps, unit, ctx, version)
        await moveStage(deps, unit, ctx, version, stage)
        return getVersion(unit, ctx, version.ref)
      }),

    setAlias: (ctx, ref, alias, tx) =>
      inUnit(tx, async (unit) => {
        const version = await getVersion(unit, ctx, ref)
        assertFreeAlias(alias)
        if (isPromoting(alias)) await assertPromotable(deps, unit, ctx, version)
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
      for (const before of await othersIn(tx, ctx, version, 'production'))
        await moveStage(deps, tx, ctx, before, 'archived')
      await moveStage(deps, tx, ctx, version, 'production')
      await moveAlias(deps, tx, ctx, PRODUCTION, keyOf(version))
    },

    async show(ctx, name, routes) {
      await seqOfModel(catalog.read, ctx, name)
      const all = await listVersions(catalog.read, ctx, name)
      return reportModel({ verdicts, catalog, runs, lineage }, ctx, { name, versions: all, routes })
    },
  }
}

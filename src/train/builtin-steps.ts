import { GateEvaluation, Verdict } from '@gyre/sdk/wire/gate'
import type { Manifest } from '@gyre/sdk/wire/manifest'
import { ModelArtifact, RowSet, type TrainingSetSpec } from '@gyre/sdk/wire/pipeline'
import { Duration, Instant, Json, type JsonValue } from '@gyre/sdk/wire/ref'
import type { RunRef } from '@gyre/sdk/wire/run'
import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { toGyreError } from '../core/errors.ts'
import type { Evaluate } from '../evaluate/evaluate.ts'
import type { GateEvidence } from '../evaluate/gate-evidence.ts'
import { pointsOf } from '../evaluate/metric.ts'
import type { Features } from '../features/features.ts'
import { TrainingSources } from '../features/training-set.ts'
import type { Builtins } from '../pipelines/builtin.ts'
import type { Predictions } from '../predictions/predictions.ts'
import type { Registry } from '../registry/registry.ts'
import type { Routes } from '../routes/routes.ts'
import type { Analytics } from '../store/analytics.ts'

export interface BuiltinStepsDeps {
  readonly analytics: Analytics
  readonly features: Features
  readonly predictions: Predictions
  readonly evaluate: Evaluate
  readonly registry: Registry
  readonly routes: Routes
  /** The definitions of a code version. */
  manifest(ctx: Context, codeRef: string): Promise<Manifest>
}

const RowsInputs = z.object({ until: Instant, window: Duration })
const GateInputs = z.object({ candidate: ModelArtifact, rows: RowSet })
const RowsExtra = z.object({ sources: TrainingSources })
const RegisterInputs = z.object({ model: ModelArtifact, verdict: Verdict })
const Count = z.object({ rows: z.coerce.number(), newest: z.coerce.number().nullable() })

/** The steps Gyre brings along: rows to learn from, the gate, the registration. */
export function createBuiltinSteps(deps: BuiltinStepsDeps): Builtins {
  const { analytics, features, predictions, evaluate, registry } = deps

  async function withServed<T>(
    ctx: Context,
    endpoint: string | undefined,
    until: string,
    use: (served: { readonly sql: string } | undefined) => Promise<T>,
  ): Promise<T> {
    if (endpoint === undefined) return use(undefined)
    const served = await predictions.labelled(ctx, endpoint, Date.parse(until))
    try {
      return await use(served)
    } finally {
      served.release()
    }
  }

  return {
    'training-set': {
      where: 'server',
      cached: true,
      async prepare(ctx, { spec: { spec }, inputs, codeRef }) {
        const { until } = RowsInputs.parse(inputs)
        const { transforms } = await deps.manifest(ctx, codeRef)
        const served = await withServed(ctx, spec.served, until, async (rows) => {
          if (!rows) return null
          const sql = `SELECT count(*) AS rows, max(known_at) AS newest FROM ${rows.sql}`
          return Count.parse((await analytics.query(sql))[0])
        })
        // A row set holds the columns that its transforms read; what they compute is the reader's affair.
        const used = spec.inputs.flatMap((input) =>
          input.kind === 'transform' ? [input.transform] : [],
        )
        const fields = transforms.filter(({ name }) => used.includes(name)).map(({ from }) => from)
        return { sources: await features.trainingSources(ctx, spec), served, fields }
      },
      async run(ctx, { spec: { spec }, inputs, extra, codeRef }) {
        const { until, window } = RowsInputs.parse(inputs)
        const { sources } = RowsExtra.parse(extra)
        const { transforms } = await deps.manifest(ctx, codeRef)
        return withServed(ctx, spec.served, until, async (served) => {
          const made = await features.trainingSet(ctx, spec, {
            until,
            window,
            transforms,
            served,
            sources,
          })
          const outputs = Json.parse({ train: made.train, newest: made.newest })
          return { outputs, read: [...made.read, ...servedBy(spec, until)] }
        })
      },
    },

    gate: {
      where: 'runner',
      cached: true,
      prepare: (ctx, { spec }) => championOf(deps, ctx, spec.champion),
      async finish(tx, ctx, { spec, inputs, runId, isRepeat }, reported) {
        const { candidate: model, rows: on } = GateInputs.parse(inputs)
        const measured = GateEvaluation.parse(reported)
        const evaluation = {
          modelDigest: model.digest,
          gate: spec.name,
          rules: spec.rules,
          evidence: {
            ...evidenceOf(measured),
            learned: measured.learned ?? undefined,
            groups: measured.groups,
            slices: measured.slices.map(({ judged, ...sliced }) => ({
              ...sliced,
              judged: judged.map(({ slice, ...each }) => ({ slice, ...evidenceOf(each) })),
            })),
          },
          rows: measured.rows,
          champion: measured.championRef,
          on,
          runId,
        }
        if (isRepeat) {
          const verdict = await evaluate.judge(tx, ctx, evaluation)
          return { outputs: Json.parse(verdict), metrics: pointsOf(measured.candidate) }
        }
        return { outputs: Json.parse(await evaluate.record(ctx, evaluation, tx)) }
      },
    },

    register: {
      where: 'unit',
      cached: false,
      prepare: async () => null,
      async write(tx, ctx, { spec, inputs, runId }) {
        const { model, verdict } = RegisterInputs.parse(inputs)
        const metrics = verdict.metrics.candidate
        const known = await registry.findByDigest(ctx, spec.model, model.digest, tx)
        const fresh = { name: spec.model, digest: model.digest, metrics, runId }
        // The same files are the same version, with what was decided about it: a model's files tell its rows,
        // options and transforms, so training again on nothing new gives them again.
        const version = known ?? (await registry.register(ctx, fresh, tx))
        const decided = await registry.decision(tx, ctx, version.ref)
        if (!decided && verdict.passed && spec.approvedBy !== undefined) {
          const approval = {
            decision: 'approved',
            note: `gate ${verdict.gate} passed on ${verdict.rows} rows`,
            actor: `policy:${spec.approvedBy}`,
          } as const
          await registry.approve(ctx, version.ref, approval, tx)
        }
        const { ref, digest } = version
        const outputs = { ref, digest, passed: verdict.passed, isNew: !known }
        return { outputs, made: known ? [] : [{ ref, role: 'model', digest }] }
      },
    },
  }
}

type Measured = Pick<
  GateEvaluation,
  'candidate' | 'champion' | 'baseline' | 'intervals' | 'differences'
>

function evidenceOf({
  candidate,
  champion,
  baseline,
  intervals,
  differences,
}: Measured): GateEvidence {
  return {
    metrics: candidate,
    champion: champion ?? undefined,
    baseline: baseline ?? undefined,
    intervals,
    differences,
  }
}

/** The endpoint whose answers a training set takes rows from, once it reaches beyond the history. */
function servedBy({ served, historyBefore }: TrainingSetSpec, until: string): readonly RunRef[] {
  if (served === undefined || historyBefore === undefined) return []
  const isReached = Date.parse(until) > Date.parse(historyBefore)
  return isReached ? [{ ref: `endpoint:${served}`, role: 'served' }] : []
}

/** The stable version of an endpoint; null before its first release. */
async function championOf(
  { routes, registry }: BuiltinStepsDeps,
  ctx: Context,
  endpoint: string | undefined,
): Promise<JsonValue> {
  if (endpoint === undefined) return null
  const stable = await routes.get(ctx, endpoint).then(
    (route) => route.stable,
    (thrown: unknown) => {
      if (toGyreError(thrown).code === 'NOT_FOUND') return null
      throw thrown
    },
  )
  if (stable === null) return null
  const { ref, digest } = await registry.get(ctx, stable)
  return { ref, digest }
}

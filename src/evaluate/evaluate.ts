import { Verdict, type EvaluationSet, type GateRules, type Metrics } from '@gyre/sdk/wire/gate'
import type { RowSet } from '@gyre/sdk/wire/pipeline'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import type { Runs } from '../store/runs.ts'
import { findEvaluationSet, keepEvaluationSet, listEvaluationSets } from './evaluation-set.ts'
import { gateDigest, judge, type Evidence } from './gate.ts'
import { pointsOf } from './metric.ts'

export interface EvaluateDeps {
  readonly catalog: Catalog
  readonly events: Events
  readonly runs: Runs
  readonly clock: Clock
  /** Names of the gates that the project's code in force declares, as of the unit that asks. */
  readonly declared: (tx: Tx, ctx: Context) => Promise<ReadonlySet<string>>
}

/** What an evaluation run measured of one candidate, to be judged by one gate. */
export interface Evaluation {
  /** Digest of the candidate's tree of files: the verdict holds for exactly these. */
  readonly modelDigest: string
  readonly gate: string
  readonly rules: GateRules
  readonly evidence: Evidence
  /** Labelled rows it was measured on. */
  readonly rows: number
  /** `model:NAME@VERSION` of the champion on the same rows; null before there is one. */
  readonly champion: string | null
  /** The rows themselves: kept as a version of the gate's evaluation set. */
  readonly on?: RowSet | undefined
  readonly runId: string
}

/** Verdicts: judged here, whoever measured, and kept for the doors that promote. */
export interface Evaluate {
  /**
   * Judges and writes the verdict down with its event and the run's metrics; judging the same files by the
   * same rules again replaces the verdict. Throws INVALID_ARGUMENT for rules that check nothing.
   */
  record(ctx: Context, evaluation: Evaluation, tx?: Tx): Promise<Verdict>
  /** The verdict that `record` would write down. Nothing is kept: whatever was decided before goes on to count. */
  judge(tx: Tx, ctx: Context, evaluation: Evaluation): Promise<Verdict>
  /**
   * The newest passing verdict of a model's files. Undefined while the newest verdict of any gate in force refuses
   * them, or none in force has judged them; with a digest, only verdicts under exactly these rules count.
   */
  passing(
    tx: Tx,
    ctx: Context,
    modelDigest: string,
    gateDigest?: string,
  ): Promise<Verdict | undefined>
  /** The newest verdict of each gate in force that judged a model's files, oldest first. */
  standing(tx: Tx, ctx: Context, modelDigest: string): Promise<readonly Verdict[]>
  /** As `standing`, of the gates that the code in force declares no more: these count neither for nor against. */
  lapsed(tx: Tx, ctx: Context, modelDigest: string): Promise<readonly Verdict[]>
  /** What is committed, of the gates in force and of the others. */
  verdicts(ctx: Context, modelDigest: string): Promise<readonly Verdict[]>
  /** The newest verdict, passing or not. */
  latest(ctx: Context, modelDigest: string, tx?: Tx): Promise<Verdict | undefined>
  /** What gates have judged on, newest first; of one gate when named. */
  evaluationSets(ctx: Context, gate?: string): Promise<readonly EvaluationSet[]>
}

export function createEvaluate({ catalog, events, runs, clock, declared }: EvaluateDeps): Evaluate {
  async function write(tx: Tx, ctx: Context, evaluation: Evaluation): Promise<Verdict> {
    const { modelDigest, gate, runId } = evaluation
    const at = clock.now().toISOString()
    const { on } = evaluation
    const set = on && (await keepEvaluationSet(tx, ctx, { gate, on, runId, at }))
    const verdict = verdictOf(evaluation, set)
    await runs.logMetrics(ctx, runId, pointsOf(evaluation.evidence.metrics), tx)
    await tx
      .deleteFrom('verdicts')
      .where('project', '=', ctx.project)
      .where('model_digest', '=', modelDigest)
      .where('gate', '=', gate)
      .where('gate_digest', '=', verdict.gateDigest)
      .execute()
    await tx
      .insertInto('verdicts')
      .values({
        project: ctx.project,
        model_digest: modelDigest,
        gate,
        gate_digest: verdict.gateDigest,
        passed: verdict.passed ? 1 : 0,
        run_id: runId,
        at,
        body: JSON.stringify(verdict),
      })
      .execute()
    const failed = verdict.checks.filter((check) => !check.passed)
    const reasons = failed.map(({ metric, reason }) => `${metric}: ${reason}`)
    await events.append(tx, ctx, {
      type: verdict.passed ? 'gate.passed' : 'gate.refused',
      subject: { kind: 'gate', id: gate },
      data: { modelDigest, gateDigest: verdict.gateDigest, runId, reasons },
    })
    return verdict
  }

  async function inForce(tx: Tx, ctx: Context, verdicts: readonly Verdict[]) {
    const gates = await declared(tx, ctx)
    return verdicts.filter(({ gate }) => gates.has(gate))
  }

  return {
    record: (ctx, evaluation, tx) =>
      tx ? write(tx, ctx, evaluation) : catalog.write((unit) => write(unit, ctx, evaluation)),

    async judge(tx, ctx, evaluation) {
      const { gate, on } = evaluation
      return verdictOf(evaluation, on && (await findEvaluationSet(tx, ctx, { gate, on })))
    },

    async passing(tx, ctx, modelDigest, digest) {
      const newest = await inForce(tx, ctx, await newestPerGate(tx, ctx, modelDigest, digest))
      return newest.every(({ passed }) => passed) ? newest.at(-1) : undefined
    },

    standing: async (tx, ctx, modelDigest) =>
      inForce(tx, ctx, await newestPerGate(tx, ctx, modelDigest)),

    async lapsed(tx, ctx, modelDigest) {
      const gates = await declared(tx, ctx)
      return (await newestPerGate(tx, ctx, modelDigest)).filter(({ gate }) => !gates.has(gate))
    },

    verdicts: (ctx, modelDigest) => newestPerGate(catalog.read, ctx, modelDigest),

    async latest(ctx, modelDigest, tx) {
      return (await newestPerGate(tx ?? catalog.read, ctx, modelDigest)).at(-1)
    },

    evaluationSets: (ctx, gate) => listEvaluationSets(catalog.read, ctx, gate),
  }
}

function verdictOf(
  { gate, rules, evidence, rows, champion }: Evaluation,
  evaluationSet: string | undefined,
): Verdict {
  const metrics = {
    candidate: withoutNaN(evidence.metrics),
    champion: evidence.champion ? withoutNaN(evidence.champion) : null,
    baseline: evidence.baseline ? withoutNaN(evidence.baseline) : null,
  }
  const judged = judge(evidence, rules)
  return Verdict.parse({
    gate,
    gateDigest: gateDigest(rules),
    ...judged,
    metrics,
    rows,
    champion,
    ...(evidence.intervals ? { intervals: { ...evidence.intervals } } : {}),
    ...(evaluationSet === undefined ? {} : { evaluationSet }),
  })
}

/** Each gate's newest verdict, oldest first. */
async function newestPerGate(
  tx: Tx,
  ctx: Context,
  modelDigest: string,
  digest?: string,
): Promise<readonly Verdict[]> {
  let query = tx
    .selectFrom('verdicts')
    .select(['gate', 'body'])
    .where('project', '=', ctx.project)
    .where('model_digest', '=', modelDigest)
  if (digest !== undefined) query = query.where('gate_digest', '=', digest)
  const rows = await query.orderBy('seq').execute()
  const newest = rows.filter((row, i) => rows.findLastIndex(({ gate }) => gate === row.gate) === i)
  return newest.map(({ body }) => Verdict.parse(JSON.parse(body)))
}

/** JSON has no NaN: the check that failed for it says so, the metric itself is null. */
function withoutNaN(metrics: Metrics): Metrics {
  return Object.fromEntries(
    Object.entries(metrics).map(([key, value]) => [key, Number.isFinite(value) ? value : null]),
  )
}

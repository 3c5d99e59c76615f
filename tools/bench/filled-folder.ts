import type { DatasetSpec } from '@gyre/sdk/wire/dataset'
import type { ViewSpec } from '@gyre/sdk/wire/feature'
import { systemClock } from '../../src/core/clock.ts'
import type { Context } from '../../src/core/context.ts'
import { silentLog } from '../../src/core/log.ts'
import { seededRandom } from '../../src/core/random.ts'
import { createData } from '../../src/data/data.ts'
import { createEvaluate } from '../../src/evaluate/evaluate.ts'
import { createFeatures } from '../../src/features/features.ts'
import { createPredictions } from '../../src/predictions/predictions.ts'
import type { LoggedPrediction } from '../../src/predictions/prediction-row.ts'
import { createRegistry } from '../../src/registry/registry.ts'
import { createReleases } from '../../src/release/release.ts'
import { createRoutes } from '../../src/routes/routes.ts'
import { sqlText } from '../../src/store/analytics.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { CALENDAR, CALENDAR_FILE, FEATURES, ORIGINS, VIEW } from './bench-model.ts'
import { FIRST_MS, type Workload } from './workload.ts'

/** What a folder holds besides the model and its endpoint. */
export interface Past {
  readonly predictions: number
  readonly runs: number
}

const ctx: Context = { project: 'default', actor: 'local', requestId: 'bench' }

const [clock, log] = [systemClock, silentLog]

/** A tenth of the subjects on a canary, which no evidence can promote while the benchmark lasts. */
const ENDLESS_CANARY = { kind: 'canary', weightBp: 1_000, ceiling: 1e-9, margin: 1 } as const

/**
 * Makes a data folder as a server leaves it that has served `workload`: features materialized, two versions
 * of the model, the second on a canary, and a past. By the rooms themselves, with no server running.
 */
export async function fillFolder(folder: string, workload: Workload, past: Past): Promise<void> {
  const store = await openStore({ folder, clock, log, config: { analyticsMemoryMb: 512 } })
  try {
    await addFeatures(store)
    await addModels(store, workload)
    await addPast(store, workload, past)
  } finally {
    await store.close()
  }
}

const LANDINGS: DatasetSpec = {
  name: 'landings',
  source: { format: 'parquet', path: 'landings.parquet' },
  columns: { origin: { type: 'text' }, seen: { type: 'timestamp' }, late: { type: 'number' } },
}

const HOURS = FEATURES.map((name, i) => [
  name,
  { aggregate: 'mean', column: 'late', over: `${3 * (i + 1)}h` } as const,
])

const LANDINGS_AT_ORIGIN: ViewSpec = {
  name: VIEW,
  from: LANDINGS.name,
  entity: ['origin'],
  eventTime: 'seen',
  every: '3h',
  ttl: '1d',
  features: Object.fromEntries(HOURS),
}

/** A landing every two minutes for a month, and how late they were, by origin. */
async function addFeatures(store: Store): Promise<void> {
  const { analytics, blobs } = store
  const data = createData({ ...store, clock })
  const features = createFeatures({ ...store, data, clock })
  const path = blobs.newTempPath()
  await analytics.exec(`COPY (
    SELECT 'A' || (hash(i) % ${ORIGINS}) AS origin, (hash(i + 1) % 100) / 100 AS late,
      TIMESTAMP '2001-01-01' + to_minutes(2 * i) AS seen
    FROM range(20_000) AS landing(i)) TO ${sqlText(path)} (FORMAT parquet)`)
  await data.importVersion(ctx, LANDINGS, (await blobs.adopt(path)).digest)
  await store.catalog.write((tx) => features.register(tx, ctx, [LANDINGS_AT_ORIGIN]))
  await features.materialize(ctx, { until: '2001-01-31T00:00:00Z' })
}

async function addModels(store: Store, { endpoint, onnx, spec }: Workload): Promise<void> {
  const { catalog, blobs, runs } = store
  const put = async (path: string, bytes: Uint8Array | string) => ({
    path,
    artifact: await blobs.put(Buffer.from(bytes)),
  })
  const code = await blobs.putTree([await put(CALENDAR_FILE, CALENDAR)])
  const modelJson = JSON.stringify(spec(code.digest))
  const files = [await put('model.onnx', onnx), await put('model.json', modelJson)]
  const { digest } = await blobs.putTree(files)

  const routes = await createRoutes({ ...store, clock, log, random: seededRandom(1) })
  const evaluate = createEvaluate({
    ...store,
    clock,
    declared: async () => new Set(),
  })
  const registry = createRegistry({
    ...store,
    clock,
    verdicts: evaluate,
    policy: async () => ({ gated: true, approvals: 1, among: null, fourEyes: false, forbids: [] }),
    endpoints: async () => [],
    freeze: async () => Promise.reject(new Error('nothing is registered from a run here')),
    tellLoggedModel: async () => {},
    findPrediction: async () => undefined,
  })
  const releases = createReleases({
    ...store,
    clock,
    log,
    routes,
    registry,
    ensure: async () => {},
    eventTime: async () => null,
    rewards: async () => [],
    writer: 'bench',
  })
  try {
    await catalog.write((tx) => routes.declare(tx, ctx, endpoint, null))
    await routes.refresh()
    for (const plan of [{ kind: 'immediate' } as const, ENDLESS_CANARY]) {
      const run = await runs.start(ctx, { kind: 'training', name: 'fit' })
      const version = { name: endpoint.model, digest, metrics: {}, runId: run.id }
      const { ref: model } = await registry.register(ctx, version)
      await releases.open(ctx, endpoint.name, { model, plan, force: 'a benchmark has no gate' })
    }
  } finally {
    await releases.close()
    await routes.close()
  }
}

/** Rows between two rolls: a segment of a stream never grows larger than its buffer here. */
const CHUNK = 20_000

/** Predictions a minute apart, every other one with its label, and finished runs. */
async function addPast(store: Store, workload: Workload, past: Past): Promise<void> {
  const { rows, analytics, blobs, newId, runs } = store
  const predictions = createPredictions({
    rows,
    analytics,
    clock,
    newId,
    log,
    newTempPath: () => blobs.newTempPath(),
    inputsOf: async () => [],
    fieldsOf: () => workload.endpoint.input,
  })
  for (let from = 0; from < past.predictions; from += CHUNK) {
    const count = Math.min(CHUNK, past.predictions - from)
    const chunk = Array.from({ length: count }, (_, i) =>
      answered(predictions.newId(ctx.project, workload.endpoint.name), from + i, workload),
    )
    predictions.log(chunk)
    await predictions.feedback(
      ctx,
      chunk.filter((_, i) => i % 2 === 0).map(({ id, atMs }) => labelOf(id, atMs ?? 0)),
    )
    if (from + CHUNK < past.predictions) await rows.roll('predictions')
  }
  for (let i = 0; i < past.runs; i++) {
    const run = await runs.start(ctx, { kind: 'training', name: 'fit', params: { round: i } })
    await runs.logMetrics(ctx, run.id, [{ key: 'auc', value: i / past.runs }])
    await runs.finish(ctx, run.id, { status: 'succeeded' })
  }
}

function labelOf(predictionId: string, atMs: number) {
  const at = new Date(atMs + 3_600_000).toISOString()
  return { prediction_id: predictionId, label: atMs % 2, at }
}

function answered(id: string, i: number, { endpoint, vector }: Workload): LoggedPrediction {
  const atMs = FIRST_MS + i * 60_000
  const at = new Date(atMs).toISOString()
  const score = (i % 100) / 100
  return {
    id,
    project: ctx.project,
    endpoint: endpoint.name,
    subject: String(i),
    receivedMs: atMs,
    atMs,
    model: `model:${endpoint.model}@1`,
    code: null,
    variant: 'stable',
    releaseId: null,
    weightBp: 0,
    sticky: true,
    randomised: false,
    rev: 1,
    outcome: { status: 'ok', score, prediction: Math.round(score), inputs: vector },
    quarantined: false,
    reasons: [],
    latencyMs: 1,
    fields: { date: at, origin: `A${i % ORIGINS}` },
  }
}

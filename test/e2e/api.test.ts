import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { build, gyre, launch, type Running } from './program.ts'

const MISSING = `sha256:${'0'.repeat(64)}`
const GARBAGE = Buffer.from('customer;signed_up\nno data at all')
const CSV = Buffer.from(
  'customer,signed_up,plan,visits,tickets,churned\nc1,2025-01-01T00:00:00Z,free,3,1,7\n',
)
const EMPTY_TREE = Buffer.from('{"entries":[]}')

const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

let folder: string
let server: Running
/** The applied manifest. */
let manifest: Readonly<Record<string, unknown>>
/** The pipeline run that made `model:churn@1`, which nobody has approved. */
let run: string

interface Asked {
  readonly body?: string | Buffer
  readonly key?: string
  readonly type?: string
}

interface Reply {
  readonly status: number
  readonly type: string | null
  readonly body: unknown
}

async function ask(method: string, path: string, asked: Asked = {}): Promise<Reply> {
  const { body, key, type = 'application/json' } = asked
  const reply = await fetch(server.url + path, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': type }),
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    },
    ...(body === undefined ? {} : { body: new Uint8Array(Buffer.from(body)) }),
  })
  const text = await reply.text()
  const isJson = /json/.test(reply.headers.get('content-type') ?? '')
  return {
    status: reply.status,
    type: reply.headers.get('content-type'),
    body: isJson ? JSON.parse(text) : text,
  }
}

const put = (bytes: Buffer) =>
  ask('PUT', `/api/v1/blobs/${digestOf(bytes)}`, { body: bytes, type: 'text/plain' })

beforeAll(async () => {
  await build()
  folder = await mkdtemp(join(tmpdir(), 'gyre-e2e-'))
  const project = join(folder, 'churn')
  server = await launch(join(folder, 'data'))
  const options = { cwd: project, env: { GYRE_URL: server.url } }
  for (const command of [
    ['init', project],
    ['apply', project],
    ['data', 'import', 'customers', '--project', project],
    ['pipeline', 'run', 'train'],
    ['key', 'create', 'taken', '--role', 'viewer'],
  ]) {
    const { code, stderr } = await gyre(command, { ...options, cwd: folder })
    if (code !== 0) throw new Error(`gyre ${command.join(' ')}: ${stderr}`)
  }
  for (const bytes of [GARBAGE, CSV, EMPTY_TREE]) await put(bytes)
  await ask('POST', '/api/v1/models/churn/versions/1/stage', { body: '{"stage": "staging"}' })
  const applied = await ask('GET', '/api/v1/project')
  manifest = z.object({ manifest: z.record(z.string(), z.unknown()) }).parse(applied.body).manifest
  const runs = await ask('GET', '/api/v1/pipeline-runs')
  const shape = z.object({ runs: z.tuple([z.object({ id: z.string() })]) })
  run = shape.parse(runs.body).runs[0].id
})

afterAll(async () => {
  await server.stop('SIGKILL')
  await rm(folder, { recursive: true })
})

/** Everything a request could have left behind. */
async function state(): Promise<unknown> {
  const lists = [
    'event-log?limit=1000',
    'project',
    'datasets',
    'models',
    'endpoints',
    'releases',
    'runs?limit=1000',
    'studies',
    'pipeline-runs',
    'alerts',
    'retrains',
    'keys',
    'monitors/weekly/windows',
    'endpoints/churn/counts',
  ]
  const replies = lists.map(async (list) => [list, await ask('GET', `/api/v1/${list}`)])
  return {
    lists: await Promise.all(replies),
    blobs: await readdir(join(folder, 'data', 'blobs'), { recursive: true }),
  }
}

interface Refusal {
  readonly ask: string
  readonly body?: unknown
  readonly status: number
  readonly code: string
  readonly says: RegExp
  readonly field?: string | undefined
}

const bad = (asked: string, body: unknown, says: RegExp, field: string): Refusal => ({
  ask: asked,
  body,
  status: 400,
  code: 'INVALID_ARGUMENT',
  says,
  field,
})
const missing = (asked: string, body: unknown, says: RegExp): Refusal => ({
  ask: asked,
  body,
  status: 404,
  code: 'NOT_FOUND',
  says,
})
const conflict = (asked: string, body: unknown, says: RegExp, code = 'CONFLICT'): Refusal => ({
  ask: asked,
  body,
  status: 409,
  code,
  says,
})

/** A view over the customers of the new project. */
function view(column: string) {
  return {
    name: 'by_plan',
    from: 'customers',
    entity: ['plan'],
    eventTime: 'signed_up',
    every: '1d',
    ttl: '0',
    features: { visits: { aggregate: 'mean', column, over: '30d' } },
  }
}

/** A search of a learning rate. */
function study(changed: Readonly<Record<string, unknown>>) {
  return { name: 'lr', over: { lr: { kind: 'float', low: 0, high: 1 } }, trials: 3, ...changed }
}

/** By what is asked; built late, since some need what was applied. */
function refusals(): readonly Refusal[] {
  const other = { ...manifest, name: 'other', pipelines: [], transforms: [] }
  const step = `/api/v1/steps/${run}/fit`
  return [
    bad('POST /api/v1/project/apply', undefined, /^body: /, 'body'),
    bad('POST /api/v1/project/apply', {}, /^manifest: /, 'manifest'),
    bad(
      'POST /api/v1/project/apply',
      { manifest: { ...manifest, protocol: 2 }, bundle: MISSING },
      /^manifest\.protocol: expected manifest protocol 1/,
      'manifest.protocol',
    ),
    bad(
      'POST /api/v1/project/apply',
      { manifest: { ...manifest, colour: 1 }, bundle: MISSING },
      /^manifest\.colour: /,
      'manifest.colour',
    ),
    bad(
      'POST /api/v1/project/apply',
      { manifest, bundle: '../../../etc/passwd' },
      /^bundle: /,
      'bundle',
    ),
    bad(
      'POST /api/v1/project/apply',
      { manifest, bundle: MISSING, source: { gitCommit: 'main' } },
      /^source\.gitCommit: expected a commit in full/,
      'source.gitCommit',
    ),
    bad('POST /api/v1/project/apply?plan=maybe', { manifest, bundle: MISSING }, /^plan: /, 'plan'),
    bad(
      'POST /api/v1/project/apply',
      { manifest: { ...manifest, views: [view('colour')] }, bundle: MISSING },
      /^by_plan\.features\.visits\.column: /,
      'by_plan.features.visits.column',
    ),
    missing('POST /api/v1/project/apply', { manifest, bundle: MISSING }, /sha256:0000/),
    missing(
      'POST /api/v1/project/apply',
      { manifest: { ...manifest, views: [view('visits')] }, bundle: MISSING },
      /sha256:0000/,
    ),
    missing(
      'POST /api/v1/features/online',
      { features: ['by_plan:visits'], entities: { plan: ['free'] } },
      /no such feature view: by_plan; there are none/,
    ),
    conflict(
      'POST /api/v1/project/apply',
      { manifest: other, bundle: digestOf(EMPTY_TREE) },
      /^name: this project holds code:churn@1/,
    ),
    bad(
      'POST /api/v1/project/apply',
      { manifest, bundle: digestOf(EMPTY_TREE) },
      /chunk: \S+ is not in the bundle/,
      'pipelines.train.steps.fit.chunk',
    ),

    bad('POST /api/v1/datasets/customers/versions', {}, /^source: /, 'source'),
    bad(
      'POST /api/v1/datasets/customers/versions',
      { source: 'file:///etc/passwd' },
      /^source: /,
      'source',
    ),
    bad('POST /api/v1/datasets/1st/versions', { source: MISSING }, /^name: expected a/, 'name'),
    missing('POST /api/v1/datasets/nope/versions', { source: MISSING }, /no dataset nope/),
    missing('POST /api/v1/datasets/customers/versions', { source: MISSING }, /sha256:0000/),
    bad('GET /api/v1/datasets?name=a%20b', undefined, /^name: expected a letter/, 'name'),

    bad('GET /api/v1/blobs/sha256:zz', undefined, /^digest: /, 'digest'),
    bad('GET /api/v1/blobs/..%2F..%2Flock.db', undefined, /^digest: /, 'digest'),
    bad('GET /api/v1/blobs/nope/present', undefined, /^digest: /, 'digest'),
    missing(`GET /api/v1/blobs/${MISSING}`, undefined, /sha256:0000/),
    bad(`PUT /api/v1/blobs/${MISSING}`, 'other bytes', /sha256:0000/, 'digest'),
    bad('PUT /api/v1/blobs/nope', 'bytes', /^digest: /, 'digest'),

    bad('POST /api/v1/features/materialize', { until: 'noon' }, /^until: /, 'until'),
    missing(
      'POST /api/v1/features/materialize',
      { until: '2025-06-01T00:00:00Z', views: ['nope'] },
      /no such feature view: nope/,
    ),
    bad('POST /api/v1/features/online', { features: [], entities: {} }, /^features: /, 'features'),
    bad(
      'POST /api/v1/features/online',
      { features: ['visits'], entities: {} },
      /^features\.0: expected view:feature/,
      'features.0',
    ),

    missing('POST /api/v1/pipelines/nope/runs', {}, /nope/),
    bad('POST /api/v1/pipelines/train/runs', { params: 7 }, /^params: /, 'params'),
    bad('POST /api/v1/pipelines/train/runs', { params: { no: 1 } }, /^params\.no: /, 'params.no'),
    bad(
      'POST /api/v1/pipelines/train/runs',
      { params: { seed: 'x' } },
      /^params\.seed: /,
      'params.seed',
    ),
    missing('GET /api/v1/pipeline-runs/run_0', undefined, /run_0/),
    missing('GET /api/v1/pipelines/nope/partitions', undefined, /nope/),
    conflict('GET /api/v1/pipelines/train/partitions', undefined, /has no partitions/),
    missing('POST /api/v1/pipelines/nope/backfills', {}, /nope/),
    conflict('POST /api/v1/pipelines/train/backfills', {}, /has no partitions/),
    bad(
      'POST /api/v1/pipelines/train/backfills',
      { concurrency: 0 },
      /^concurrency: /,
      'concurrency',
    ),
    bad('GET /api/v1/backfills?limit=0', undefined, /^limit: /, 'limit'),
    missing('GET /api/v1/backfills/run_0', undefined, /run_0/),
    missing('POST /api/v1/backfills/run_0/cancel', undefined, /run_0/),

    bad('GET /api/v1/batches?limit=0', undefined, /^limit: /, 'limit'),
    missing('GET /api/v1/batches/run_0', undefined, /run_0/),
    missing('GET /api/v1/batches/run_0/shards', undefined, /run_0/),
    bad('GET /api/v1/batches/run_0/shards?after=x', undefined, /^after: /, 'after'),
    missing('POST /api/v1/batches/run_0/cancel', undefined, /run_0/),
    bad('POST /api/v1/endpoints/churn/batches', { digest: 'x' }, /^digest: /, 'digest'),
    missing(
      'POST /api/v1/endpoints/nope/batches',
      { digest: MISSING, name: 'rows.csv', format: 'csv' },
      /nope/,
    ),
    missing('GET /api/v1/pipeline-runs/run_0?wait=true', undefined, /run_0/),
    bad(`GET /api/v1/pipeline-runs/${run}?wait=1`, undefined, /^wait: /, 'wait'),
    bad('GET /api/v1/pipeline-runs?limit=0', undefined, /^limit: /, 'limit'),

    missing('GET /api/v1/runs/run_0/log', undefined, /run_0/),
    missing('GET /api/v1/runs/run_0/log-stream', undefined, /run_0/),
    missing('GET /api/v1/runs/run_0/checkpoint', undefined, /run_0/),
    bad('POST /api/v1/runs/run_0/checkpoint', { step: -1 }, /^step: /, 'step'),
    missing('POST /api/v1/runs/run_0/log', { start: 0, text: '' }, /run_0/),
    conflict(`POST /api/v1/runs/${run}/log`, { start: 0, text: '' }, /nobody holds/),
    bad(`POST /api/v1/runs/${run}/log`, { start: -1, text: '' }, /^start: /, 'start'),
    bad(`GET /api/v1/runs/${run}/log?after=-1`, undefined, /^after: /, 'after'),
    bad(`GET /api/v1/runs/${run}/log-stream?after=x`, undefined, /^after: /, 'after'),
    missing('POST /api/v1/pipeline-runs/run_0/repeat', undefined, /run_0/),
    missing('POST /api/v1/pipeline-runs/run_0/cancel', undefined, /run_0/),
    missing('POST /api/v1/pipeline-runs/run_0/resume', {}, /run_0/),
    conflict(`POST /api/v1/pipeline-runs/${run}/resume`, {}, /name the step to resume from/),
    bad(
      `POST /api/v1/pipeline-runs/${run}/resume`,
      { from: 'nope' },
      /^from: step nope is not/,
      'from',
    ),
    conflict(`POST /api/v1/pipeline-runs/${run}/cancel`, undefined, /ended already: succeeded/),
    missing('GET /api/v1/pipeline-runs/run_0/steps/fit/why', undefined, /run_0/),
    missing(`GET /api/v1/pipeline-runs/${run}/steps/nope/why`, undefined, /nope/),
    bad(`GET /api/v1/pipeline-runs/${run}/steps/fit/why?item=-1`, undefined, /^item: /, 'item'),
    missing(`GET /api/v1/pipeline-runs/${run}/steps/fit/why?item=0`, undefined, /no items/),
    missing(`GET /api/v1/pipeline-runs/${run}/steps/fit/items`, undefined, /no items/),
    bad(`GET /api/v1/pipeline-runs/${run}/steps/fit/items?state=x`, undefined, /^state: /, 'state'),
    bad(`GET /api/v1/pipeline-runs/${run}/steps/fit/items?limit=0`, undefined, /^limit: /, 'limit'),
    missing('GET /api/v1/pipeline-runs/run_0/difference', undefined, /run_0/),
    conflict(`GET /api/v1/pipeline-runs/${run}/difference`, undefined, /repeats no other/),
    missing('GET /api/v1/steps/run_0/fit/work', undefined, /run_0/),
    missing(`GET /api/v1/steps/${run}/nope/work`, undefined, /nope/),
    bad(`POST ${step}/heartbeat`, { fence: 'x' }, /^fence: /, 'fence'),
    conflict(`POST ${step}/heartbeat`, { fence: 1 }, /fit/, 'FENCED'),
    bad(
      `POST ${step}/facts`,
      { fence: 1, environment: { node: 20 } },
      /^environment\.node: /,
      'environment.node',
    ),
    conflict(`POST ${step}/facts`, { fence: 1, environment: {} }, /fit/, 'FENCED'),
    bad(`POST ${step}/metrics`, { fence: 1, points: [{}] }, /^points\.0\.key: /, 'points.0.key'),
    conflict(`POST ${step}/metrics`, { fence: 1, points: [] }, /fit/, 'FENCED'),
    bad(`POST ${step}/report`, { status: 'won' }, /^status: /, 'status'),
    conflict(
      `POST ${step}/report`,
      { status: 'succeeded', fence: 1, outputs: {} },
      /fit/,
      'FENCED',
    ),

    bad('GET /api/v1/runs?limit=many', undefined, /^limit: /, 'limit'),
    bad('GET /api/v1/runs?cursor=%00', undefined, /^cursor: /, 'cursor'),
    bad('GET /api/v1/runs?filter=metrics.auc', undefined, /^invalid filter: /, 'filter'),
    bad('GET /api/v1/runs?order_by=nope.x', undefined, /^invalid order_by: /, 'order_by'),
    bad('GET /api/v1/runs?view=hidden', undefined, /^view: /, 'view'),
    bad("GET /api/v1/runs?filter=params.a='b'&kind=step", undefined, /^kind: not together/, 'kind'),
    missing('GET /api/v1/runs?experiment=nope', undefined, /nope/),
    missing('GET /api/v1/runs/run_0', undefined, /run_0/),
    missing('GET /api/v1/runs/run_0/difference?from=run_0', undefined, /run_0/),
    bad('GET /api/v1/runs/run_0/difference', undefined, /^from: /, 'from'),
    missing('GET /api/v1/runs/run_0/metric-history?key=loss', undefined, /run_0/),
    bad('GET /api/v1/runs/run_0/metric-history', undefined, /^key: /, 'key'),
    missing('GET /api/v1/runs/run_0/metric-chart?key=loss', undefined, /run_0/),
    bad('GET /api/v1/runs/run_0/metric-chart?key=loss&points=3', undefined, /^points: /, 'points'),

    bad('GET /api/v1/experiments?filter=name', undefined, /^invalid filter: /, 'filter'),
    bad('GET /api/v1/experiments?limit=0', undefined, /^limit: /, 'limit'),
    missing('GET /api/v1/experiments/nope', undefined, /nope/),
    missing('GET /api/v1/experiments/99', undefined, /99/),

    bad('POST /api/v1/studies', study({ name: '1st' }), /^name: expected a letter/, 'name'),
    bad('POST /api/v1/studies', study({ trials: 0 }), /^trials: /, 'trials'),
    bad('POST /api/v1/studies', study({ patience: 'long' }), /^patience: /, 'patience'),
    bad('POST /api/v1/studies', study({ sampler: { kind: 'magic' } }), /^sampler/, 'sampler.kind'),
    bad('POST /api/v1/studies', study({ over: {} }), /^over: expected at least one/, 'over'),
    bad(
      'POST /api/v1/studies',
      study({ over: { lr: { kind: 'float', low: 0, high: 1, log: true } } }),
      /^over\.lr: expected low above 0 on a log scale/,
      'over.lr',
    ),
    missing('GET /api/v1/studies/nope', undefined, /no such study: nope/),
    missing('DELETE /api/v1/studies/nope', undefined, /no such study: nope/),
    missing('GET /api/v1/studies/nope/trials', undefined, /nope/),
    missing('POST /api/v1/studies/nope/ask', undefined, /nope/),
    bad('POST /api/v1/studies/nope/trials/x/tell', {}, /^trial: /, 'trial'),
    bad('POST /api/v1/studies/nope/trials/0/heartbeat', {}, /^fence: /, 'fence'),
    missing('POST /api/v1/studies/nope/trials/0/heartbeat', { fence: 1 }, /nope/),
    bad(
      'POST /api/v1/studies/nope/trials/0/report',
      { fence: 1, step: -1, value: 1 },
      /^step: /,
      'step',
    ),
    missing('POST /api/v1/studies/nope/trials/0/report', { fence: 1, step: 1, value: 1 }, /nope/),
    bad(
      'POST /api/v1/studies/nope/trials/0/tell',
      { state: 'finished', fence: 1 },
      /^value: /,
      'value',
    ),
    missing('POST /api/v1/studies/nope/trials/0/tell', { state: 'pruned', fence: 1 }, /nope/),

    missing('GET /api/v1/models/nope', undefined, /nope/),
    missing('GET /api/v1/models/churn/versions/99', undefined, /churn@99/),
    missing('GET /api/v1/models/churn/versions/99/card', undefined, /churn@99/),
    missing('GET /api/v1/models/churn/versions/production', undefined, /churn@production/),
    bad(
      'POST /api/v1/models/churn/versions/1/approve',
      { decision: 'maybe' },
      /^decision: /,
      'decision',
    ),
    missing('POST /api/v1/models/churn/versions/99/prepare', undefined, /churn@99/),
    missing('POST /api/v1/models/churn/versions/9/approve', { decision: 'approved' }, /churn@9/),
    bad('POST /api/v1/models/churn/versions/1/stage', { stage: 'live' }, /^stage: /, 'stage'),
    conflict(
      'POST /api/v1/models/churn/versions/1/stage',
      { stage: 'staging' },
      /cannot go to staging; allowed: none, production, archived/,
    ),
    conflict(
      'POST /api/v1/models/churn/versions/1/stage',
      { stage: 'production' },
      /approve/,
      'APPROVAL_MISSING',
    ),
    bad('PUT /api/v1/models/churn/versions/1/aliases/1st', undefined, /^alias: /, 'alias'),
    conflict('PUT /api/v1/models/churn/versions/1/aliases/production', undefined, /release/),
    missing('PUT /api/v1/models/churn/versions/9/aliases/best', undefined, /churn@9/),
    bad('GET /api/v1/lineage', undefined, /^ref: /, 'ref'),
    bad('GET /api/v1/lineage?ref=churn', undefined, /^ref: /, 'ref'),
    bad('GET /api/v1/lineage?ref=model:churn@1&direction=in', undefined, /^dir/, 'direction'),
    missing('GET /api/v1/lineage?ref=model:nope@1', undefined, /nope/),
    missing('GET /api/v1/lineage?ref=prediction:p_0', undefined, /p_0/),

    bad('POST /api/v1/models/churn/versions', { files: {} }, /^files: /, 'files'),
    bad('POST /api/v1/models/churn/versions', {}, /^files: /, 'files'),
    bad(
      'POST /api/v1/models/churn/versions',
      { files: { '../model.onnx': MISSING } },
      /^files\./,
      'files.../model.onnx',
    ),
    missing(
      'POST /api/v1/models/churn/versions',
      { files: { 'model.onnx': MISSING } },
      /files\.model\.onnx: sha256:\w+ is not stored/,
    ),
    bad('POST /api/v1/endpoints', { name: 'churn' }, /^model: /, 'model'),
    bad('POST /api/v1/endpoints', { name: '1st', model: 'churn' }, /^name: /, 'name'),
    conflict(
      'POST /api/v1/endpoints',
      { name: 'churn', model: 'churn' },
      /endpoint churn is declared by the project \(code:churn@1\)/,
    ),
    bad('POST /api/v1/endpoints/churn/releases', {}, /^model: /, 'model'),
    bad('POST /api/v1/endpoints/churn/releases', { model: 'churn@1' }, /^model: /, 'model'),
    bad(
      'POST /api/v1/endpoints/churn/releases',
      { model: 'model:churn@1', plan: { kind: 'canary', weightBp: 10_000 } },
      /^plan\.weightBp: /,
      'plan.weightBp',
    ),
    bad(
      'POST /api/v1/endpoints/churn/releases',
      { model: 'model:churn@1', plan: { stages: [{ weightBp: 500 }, { weightBp: 500 }] } },
      /^plan\.stages\.1\.weightBp: expected more than the 500/,
      'plan.stages.1.weightBp',
    ),
    bad(
      'POST /api/v1/endpoints/churn/releases',
      { model: 'model:churn@1', force: '' },
      /^force: /,
      'force',
    ),
    missing('POST /api/v1/endpoints/nope/releases', { model: 'model:churn@1' }, /nope/),
    missing('POST /api/v1/endpoints/churn/releases', { model: 'model:churn@9' }, /churn@9/),
    conflict(
      'POST /api/v1/endpoints/churn/releases',
      { model: 'model:churn@1' },
      /gyre model approve churn@1/,
      'APPROVAL_MISSING',
    ),
    missing('POST /api/v1/endpoints/nope/promote', undefined, /nope/),
    conflict('POST /api/v1/endpoints/churn/promote', undefined, /no open canary/),
    bad('POST /api/v1/endpoints/churn/promote', { why: '' }, /^why: /, 'why'),
    missing('POST /api/v1/endpoints/nope/advance', undefined, /nope/),
    conflict('POST /api/v1/endpoints/churn/advance', undefined, /no open canary/),
    missing('POST /api/v1/endpoints/nope/approve', undefined, /nope/),
    conflict('POST /api/v1/endpoints/churn/approve', undefined, /no open canary/),
    bad('POST /api/v1/endpoints/churn/abort', { reason: '' }, /^reason: /, 'reason'),
    missing('POST /api/v1/endpoints/nope/abort', {}, /nope/),
    conflict('POST /api/v1/endpoints/churn/abort', {}, /no open canary/),
    missing('GET /api/v1/endpoints/nope/release', undefined, /nope/),
    missing('GET /api/v1/endpoints/churn/release', undefined, /has no release yet/),
    bad('POST /api/v1/endpoints/churn/rollback', { reason: '' }, /^reason: /, 'reason'),
    missing('POST /api/v1/endpoints/nope/rollback', {}, /nope/),
    conflict('POST /api/v1/endpoints/churn/rollback', {}, /churn/),
    missing('POST /api/v1/endpoints/nope/analyse', undefined, /nope/),
    conflict('POST /api/v1/endpoints/churn/analyse', undefined, /no open canary/),
    missing('GET /api/v1/endpoints/nope/counts', undefined, /nope/),
    missing('GET /api/v1/endpoints/nope/predictions.parquet', undefined, /nope/),
    bad('GET /api/v1/releases?endpoint=1st', undefined, /^endpoint: /, 'endpoint'),
    bad('POST /api/v1/endpoints/churn/settle', { at: 'noon' }, /^at: /, 'at'),
    missing('POST /api/v1/endpoints/nope/settle', { at: '2025-06-01T00:00:00Z' }, /nope/),
    bad('GET /api/v1/retrains?endpoint=1st', undefined, /^endpoint: /, 'endpoint'),

    missing('GET /api/v1/monitors/nope/windows', undefined, /nope/),
    missing('POST /api/v1/monitors/nope/check', {}, /nope/),
    bad('POST /api/v1/monitors/weekly/check', { until: 'noon' }, /^until: /, 'until'),
    bad('GET /api/v1/alerts?state=loud', undefined, /^state: /, 'state'),

    bad('GET /api/v1/events?after=-1', undefined, /^after: /, 'after'),
    bad('GET /api/v1/event-log?limit=5000', undefined, /^limit: /, 'limit'),

    bad('POST /api/v1/keys', { name: 'ci', role: 'boss' }, /^role: /, 'role'),
    bad('POST /api/v1/keys', { name: '1st', role: 'viewer' }, /^name: expected a let/, 'name'),
    conflict('POST /api/v1/keys', { name: 'taken', role: 'admin' }, /^name: /, 'ALREADY_EXISTS'),
    missing('DELETE /api/v1/keys/nope', undefined, /nope/),
    bad('POST /api/v1/backup', {}, /^body: expected none/, 'body'),
    bad('POST /api/v1/gc', { unusedFor: 'soon' }, /^unusedFor: expected a duration/, 'unusedFor'),
    bad('POST /api/v1/gc', { delete: 'yes' }, /^delete: /, 'delete'),
  ]
}

test('every bad request is a problem that names the field, and leaves nothing behind', async () => {
  const before = await state()
  for (const { ask: asked, body, status, code, says, field } of refusals()) {
    const [method = '', path = ''] = asked.split(' ')
    const sent = body === undefined ? {} : { body: JSON.stringify(body) }
    expect.soft({ asked, ...(await ask(method, path, sent)) }).toMatchObject({
      asked,
      status,
      type: expect.stringMatching(/^application\/problem\+json/),
      body: {
        status,
        code,
        detail: expect.stringMatching(says),
        ...(field === undefined ? {} : { details: { field } }),
      },
    })
  }
  expect(await state()).toEqual(before)
})

test('a file that cannot be read, or breaks its contract, makes no version; the run that tried says why', async () => {
  const versions = await ask('GET', '/api/v1/datasets')
  for (const [bytes, code, reason] of [
    [GARBAGE, 'INVALID_INPUT', /not readable as csv: line 2: expected 2 columns, got 1/],
    [CSV, 'CONTRACT_BROKEN', /column churned breaks max=1 in 1 of 1 rows/],
  ] as const) {
    const body = JSON.stringify({ source: digestOf(bytes) })
    expect(await ask('POST', '/api/v1/datasets/customers/versions', { body })).toMatchObject({
      status: 422,
      body: { code, detail: expect.stringMatching(reason) },
    })
    expect(await ask('GET', '/api/v1/runs?limit=1')).toMatchObject({
      body: {
        runs: [
          {
            kind: 'import',
            status: 'failed',
            outputs: [],
            error: { code, message: expect.stringMatching(reason) },
          },
        ],
      },
    })
  }
  expect(await ask('GET', '/api/v1/datasets')).toEqual(versions)
})

const FAILURES: readonly (readonly [string, number, RegExp])[] = [
  ['data import nope', 1, /the applied project declares no dataset nope/],
  ['data import customers --file /nope/f.csv', 2, /\/nope\/f\.csv: no such file or directory/],
  ['features materialize --until noon', 2, /until: expected an instant like 2001-02-01T00/],
  ['pipeline run nope', 1, /no pipeline nope/],
  ['pipeline run train --param window=x', 2, /params\.window: expected a duration like 30m/],
  ['tune train --over /nope.json --metric fit.loss --minimize', 2, /--over: cannot read \/nope/],
  ['tune train --over f.json --metric loss --minimize', 2, /--metric: expected STEP\.METRIC/],
  ['tune train --over f.json --metric fit.loss', 2, /either --minimize or --maximize/],
  ['tune train --over f.json --metric fit.loss --minimize --trials x', 2, /--trials: /],
  ['studies show nope', 1, /no such study: nope/],
  ['model show nope', 1, /no such model: nope/],
  ['model approve churn@9', 1, /churn@9/],
  ['release nope churn@1', 1, /no such endpoint nope; known endpoints: churn/],
  ['release churn churn@1', 1, /gyre model approve churn@1/],
  ['promote churn', 1, /no open canary/],
  ['release start nope churn@1', 1, /no such endpoint nope; known endpoints: churn/],
  ['release churn churn@1 --plan 50,10', 2, /--plan: expected rising percents/],
  ['release approve churn', 1, /no open canary/],
  ['release advance churn', 1, /no open canary/],
  ['release complete churn', 1, /no open canary/],
  ['release abort churn', 1, /no open canary/],
  ['release status churn', 1, /has no release yet/],
  ['rollback churn', 1, /churn/],
  ['lineage churn', 2, /ref: expected a reference like model:churn@7, run:ID or prediction:ID/],
  ['lineage model:churn@9', 1, /nothing is known of model:churn@9/],
  ['predictions export nope --out /nope/p.parquet', 1, /no such endpoint nope/],
  ['predictions export churn --out /nope/p.parquet', 2, /\/nope\/\S+: no such file or directory/],
]

test('what the server refuses, and files that are not there, are one line of the CLI', async () => {
  for (const [command, code, line] of FAILURES)
    expect
      .soft([command, await gyre(command.split(' '), { env: { GYRE_URL: server.url } })])
      .toEqual([
        command,
        {
          code,
          stdout: '',
          stderr: expect.stringMatching(new RegExp(`^gyre: [^\\n]*${line.source}[^\\n]*\\n$`)),
        },
      ])
})

/** Every route and the least role that may ask it, written down by hand. */
const ROUTES = {
  anybody: [
    'GET /health',
    'GET /version',
    'GET /api/v1/openapi.json',
    'GET /v2/health/live',
    'GET /v2/health/ready',
  ],
  viewer: [
    'POST /predict',
    'POST /predict/{endpoint}',
    'GET /v2',
    'GET /v2/models/{model}',
    'GET /v2/models/{model}/config',
    'GET /v2/models/{model}/ready',
    'GET /v2/models/{model}/stats',
    'GET /v2/models/stats',
    'POST /v1/models/{model}:predict',
    'POST /v2/models/{model}/infer',
    'POST /v2/repository/index',
    'GET /get-artifact',
    'GET /model-versions/get-artifact',
    'GET /api/v1/alerts',
    'GET /api/v1/batches',
    'GET /api/v1/batches/{batch}',
    'GET /api/v1/batches/{batch}/shards',
    'GET /api/v1/blobs/{digest}',
    'GET /api/v1/blobs/{digest}/present',
    'GET /api/v1/datasets',
    'GET /api/v1/endpoints',
    'GET /api/v1/endpoints/{endpoint}/counts',
    'GET /api/v1/endpoints/{endpoint}/predictions.parquet',
    'GET /api/v1/endpoints/{endpoint}/release',
    'GET /api/v1/event-log',
    'GET /api/v1/evaluation-sets',
    'GET /api/v1/events',
    'GET /api/v1/experiments',
    'GET /api/v1/experiments/{experiment}',
    'POST /api/v1/features/online',
    'GET /api/v1/lineage',
    'GET /api/v1/models',
    'GET /api/v1/models/{name}',
    'GET /api/v1/models/{name}/aliases',
    'GET /api/v1/models/{name}/versions/{version}',
    'GET /api/v1/models/{name}/versions/{version}/card',
    'GET /api/v1/models/{name}/versions/{version}/verdicts',
    'GET /api/v1/monitors/{monitor}/windows',
    'GET /api/v1/backfills',
    'GET /api/v1/backfills/{backfill}',
    'GET /api/v1/pipelines/{name}/partitions',
    'GET /api/v1/pipeline-runs',
    'GET /api/v1/pipeline-runs/{run}',
    'GET /api/v1/pipeline-runs/{run}/difference',
    'GET /api/v1/pipeline-runs/{run}/steps/{step}/items',
    'GET /api/v1/pipeline-runs/{run}/steps/{step}/why',
    'GET /api/v1/project',
    'GET /api/v1/project/code/{name}/versions/{version}',
    'GET /api/v1/releases',
    'GET /api/v1/retrains',
    'GET /api/v1/runs',
    'GET /api/v1/runs/{run}',
    'GET /api/v1/runs/{run}/checkpoint',
    'GET /api/v1/runs/{run}/difference',
    'GET /api/v1/runs/{run}/log',
    'GET /api/v1/runs/{run}/log-stream',
    'GET /api/v1/runs/{run}/metric-chart',
    'GET /api/v1/runs/{run}/metric-history',
    'GET /api/v1/studies',
    'GET /api/v1/studies/{study}',
    'GET /api/v1/studies/{study}/trials',
  ],
  member: [
    'POST /feedback',
    'POST /v1/traces',
    'PUT /api/v1/blobs/{digest}',
    'POST /api/v1/datasets/{name}/versions',
    'POST /api/v1/endpoints',
    'POST /api/v1/endpoints/{endpoint}/settle',
    'POST /api/v1/models/{name}/versions',
    'POST /api/v1/models/{name}/versions/{version}/prepare',
    'POST /api/v1/features/materialize',
    'POST /api/v1/import/aliases',
    'POST /api/v1/import/experiments',
    'POST /api/v1/import/files',
    'POST /api/v1/import/logged-models',
    'POST /api/v1/import/model-versions',
    'POST /api/v1/import/models',
    'POST /api/v1/import/points',
    'POST /api/v1/import/runs',
    'POST /api/v1/import/traces',
    'PUT /api/v1/models/{name}/versions/{version}/aliases/{alias}',
    'POST /api/v1/monitors/{monitor}/check',
    'POST /api/v1/backfills/{backfill}/cancel',
    'POST /api/v1/batches/{batch}/cancel',
    'POST /api/v1/endpoints/{endpoint}/batches',
    'POST /api/v1/pipelines/{name}/backfills',
    'POST /api/v1/pipelines/{name}/runs',
    'POST /api/v1/pipeline-runs/{run}/cancel',
    'POST /api/v1/pipeline-runs/{run}/repeat',
    'POST /api/v1/pipeline-runs/{run}/resume',
    'POST /api/v1/project/apply',
    'POST /api/v1/runs',
    'POST /api/v1/runs/{run}/checkpoint',
    'POST /api/v1/runs/{run}/end',
    'POST /api/v1/runs/{run}/heartbeat',
    'POST /api/v1/runs/{run}/log',
    'POST /api/v1/studies',
    'DELETE /api/v1/studies/{study}',
    'POST /api/v1/studies/{study}/ask',
    'POST /api/v1/studies/{study}/trials/{trial}/heartbeat',
    'POST /api/v1/studies/{study}/trials/{trial}/report',
    'POST /api/v1/studies/{study}/trials/{trial}/tell',
  ],
  approver: [
    'POST /api/v1/endpoints/{endpoint}/abort',
    'POST /api/v1/endpoints/{endpoint}/advance',
    'POST /api/v1/endpoints/{endpoint}/analyse',
    'POST /api/v1/endpoints/{endpoint}/approve',
    'POST /api/v1/endpoints/{endpoint}/promote',
    'POST /api/v1/endpoints/{endpoint}/releases',
    'POST /api/v1/endpoints/{endpoint}/rollback',
    'POST /api/v1/import/stages',
    'POST /api/v1/models/{name}/versions/{version}/approve',
    'POST /api/v1/models/{name}/versions/{version}/stage',
    'POST /v2/repository/models/{model}/load',
    'POST /v2/repository/models/{model}/unload',
  ],
  admin: [
    'GET /api/v1/event-log/verify',
    'GET /api/v1/keys',
    'POST /api/v1/keys',
    'DELETE /api/v1/keys/{key}',
    'POST /api/v1/backup',
    'POST /api/v1/gc',
    'GET /api/v1/steps/{run}/{step}/work',
    'POST /api/v1/steps/{run}/{step}/checkpoint',
    'POST /api/v1/steps/{run}/{step}/facts',
    'POST /api/v1/steps/{run}/{step}/heartbeat',
    'POST /api/v1/steps/{run}/{step}/items',
    'POST /api/v1/steps/{run}/{step}/metrics',
    'POST /api/v1/steps/{run}/{step}/report',
  ],
} as const

const ROLES = ['viewer', 'member', 'approver', 'admin'] as const

/** Routes of MLflow's door, whose table is MLflow's own (`src/api/mlflow/routes.ts`). */
const MLFLOW = /^\/api\/[23]\.0\/mlflow/

/** What anybody may ask of them: what the server can do, and a part of an upload by the secret in its path. */
const PUBLIC_IN_MLFLOW = [
  'GET /api/3.0/mlflow/server-info',
  'PUT /api/2.0/mlflow-artifacts/mpu/parts/{upload_id}/{part_number}',
]

test('the OpenAPI document lists every route and no other, and MLflow’s ask for a key', async () => {
  const { body } = await ask('GET', '/api/v1/openapi.json')
  const Operation = z.object({ 'x-gyre-scope': z.string() })
  const { paths } = z
    .object({ paths: z.record(z.string(), z.record(z.string(), Operation)) })
    .parse(body)
  const listed = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      path,
      name: `${method.toUpperCase()} ${path}`,
      scope: operation['x-gyre-scope'],
    })),
  )
  const own = listed.filter(({ path }) => !MLFLOW.test(path)).map(({ name }) => name)
  expect(own.toSorted()).toEqual(Object.values(ROUTES).flat().toSorted())
  const mlflow = listed.filter(({ path }) => MLFLOW.test(path))
  expect(mlflow.length).toBeGreaterThan(60)
  const open = mlflow.filter(({ scope }) => scope === 'public').map(({ name }) => name)
  expect(open.toSorted()).toEqual(PUBLIC_IN_MLFLOW)
})

/** A body that no route takes, to a thing that is not there: who may ask gets that far and no further. */
function harmless(route: string): readonly [string, string, Asked] {
  const [method = '', path = ''] = route.split(' ')
  const named = path.replaceAll(/\{(\w+)\}/g, (_, name) => (name === 'digest' ? MISSING : 'nope'))
  // A stream of events would never end.
  const query = path === '/api/v1/events' ? '?after=-1' : ''
  return [method, named + query, method === 'GET' ? {} : { body: '{"nonsense": true}' }]
}

test('each role may ask for what it and the roles below it may, and for nothing else', async () => {
  const making = ROLES.map(async (role) => {
    const made = await ask('POST', '/api/v1/keys', {
      body: JSON.stringify({ name: `the-${role}`, role }),
    })
    return [role, z.object({ secret: z.string() }).parse(made.body).secret] as const
  })
  const keys = await Promise.all(making)
  const before = await state()
  for (const [role, key] of keys)
    for (const [index, least] of ROLES.entries())
      for (const route of ROUTES[least]) {
        const [method, path, asked] = harmless(route)
        const { status } = await ask(method, path, { ...asked, key })
        const forbidden = ROLES.indexOf(role) < index
        expect.soft([role, route, status === 403]).toEqual([role, route, forbidden])
        expect.soft([role, route, status === 401 || status >= 500]).toEqual([role, route, false])
      }
  const stranger = 'gyre_not-a-key'
  for (const route of Object.values(ROUTES).flat()) {
    const [method, path, asked] = harmless(route)
    const { status } = await ask(method, path, { ...asked, key: stranger })
    const known = new Set<string>(ROUTES.anybody).has(route)
    expect.soft([route, status]).toEqual([route, known ? 200 : 401])
  }
  expect(await state()).toEqual(before)
})

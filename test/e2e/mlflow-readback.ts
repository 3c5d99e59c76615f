import { createHash } from 'node:crypto'
import { z } from 'zod'
import { parseInt64Json } from '../../src/api/int64-json.ts'

/**
 * Everything that MLflow's door shows of a server, in the shape of test/fixtures/import/snapshot.py, which read the
 * same with MLflow's own client.
 */
export async function readBack(url: string): Promise<unknown> {
  const experiments = await pages(url, 'experiments/search', { view_type: 'ALL' }, 'experiments', Experiment) // prettier-ignore
  const models = await pages(url, 'registered-models/search', { filter: '' }, 'registered_models', Model, 'GET') // prettier-ignore
  const prompts = await pages(url, 'registered-models/search', { filter: PROMPTS }, 'registered_models', Model, 'GET') // prettier-ignore
  return brief({
    experiments: Object.fromEntries(
      await inTurn(experiments, async (one) => [one.name, await experimentOf(url, one)]),
    ),
    models: Object.fromEntries(
      await inTurn([...models, ...prompts], async (one) => [one.name, await modelOf(url, one)]),
    ),
  })
}

const PROMPTS = "tags.`mlflow.prompt.is_prompt` = 'true'"

/** As in snapshot.py. */
const [FEW, SHORT] = [20, 200]

function brief(value: unknown): unknown {
  if (typeof value === 'string' && value.length > SHORT)
    return `${Array.from(value).length} characters, sha256 ${sha256(value)}`
  if (Array.isArray(value)) return value.map(brief)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, brief(inner)]))
}

function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

const Labels = z
  .array(z.object({ key: z.string(), value: z.string().default('') }))
  .default([])
  .transform((labels) => Object.fromEntries(labels.map(({ key, value }) => [key, value])))
const Stage = z.string()
const Int = z.union([z.int(), z.string()]).transform(Number)
const Value = z.union([z.number(), z.string()]).transform(Number)

const Experiment = z.object({
  experiment_id: z.string(),
  name: z.string(),
  lifecycle_stage: Stage,
  creation_time: Int,
  tags: Labels,
})

async function experimentOf(url: string, one: z.output<typeof Experiment>) {
  const ids = [one.experiment_id]
  const runs = await pages(url, 'runs/search', { experiment_ids: ids, run_view_type: 'ALL' }, 'runs', Run) // prettier-ignore
  const isLive = one.lifecycle_stage === 'active'
  const models = isLive ? await pages(url, 'logged-models/search', { experiment_ids: ids }, 'models', LoggedModel) : [] // prettier-ignore
  const locations = [{ type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: ids[0] } }]
  const traces = isLive ? await pages(url, 'traces/search', { locations }, 'traces', TraceInfo, 'POST', '3.0') : [] // prettier-ignore
  return {
    stage: one.lifecycle_stage,
    created: one.creation_time,
    tags: one.tags,
    runs: Object.fromEntries(
      await inTurn(runs, async (run) => [run.info.run_id, await runOf(url, run)]),
    ),
    logged_models: Object.fromEntries(
      await inTurn(models, async (model) => [model.info.model_id, await loggedModelOf(url, model)]),
    ),
    traces: Object.fromEntries(
      await inTurn(traces, async (trace) => [trace.trace_id, await traceOf(url, trace)]),
    ),
  }
}

const Run = z.object({
  info: z.object({
    run_id: z.string(),
    run_name: z.string().default(''),
    status: z.string(),
    user_id: z.string().default(''),
    start_time: Int,
    end_time: Int.nullable().default(null),
    lifecycle_stage: Stage,
  }),
  data: z.object({
    params: Labels,
    tags: Labels,
    metrics: z.array(z.object({ key: z.string(), value: Value })).default([]),
  }),
  inputs: z
    .object({
      dataset_inputs: z
        .array(
          z.object({
            tags: Labels,
            dataset: z.object({
              name: z.string(),
              digest: z.string(),
              source_type: z.string(),
              source: z.string(),
              schema: z.string().nullable().default(null),
              profile: z.string().nullable().default(null),
            }),
          }),
        )
        .default([]),
      model_inputs: z.array(z.object({ model_id: z.string() })).default([]),
    })
    .default({ dataset_inputs: [], model_inputs: [] }),
  outputs: z
    .object({ model_outputs: z.array(z.object({ model_id: z.string(), step: Int })).default([]) })
    .default({ model_outputs: [] }),
})

async function runOf(url: string, { info, data, inputs, outputs }: z.output<typeof Run>) {
  const { run_id: id } = info
  const datasets = inputs.dataset_inputs.map(({ dataset, tags }) => ({ ...dataset, tags }))
  return {
    name: info.run_name,
    status: info.status,
    user: info.user_id,
    start: info.start_time,
    end: info.end_time,
    stage: info.lifecycle_stage,
    params: data.params,
    tags: data.tags,
    metrics: Object.fromEntries(
      await inTurn(data.metrics, async ({ key }) => [key, await historyOf(url, id, key)]),
    ),
    newest: Object.fromEntries(data.metrics.map(({ key, value }) => [key, hexOf(value)])),
    datasets: datasets.toSorted((a, b) => (a.digest < b.digest ? -1 : 1)),
    models_in: inputs.model_inputs.map(({ model_id }) => model_id).toSorted(),
    models_out: outputs.model_outputs.map(({ model_id, step }) => [model_id, step]),
    artifacts: await filesOf(
      (path) => `artifacts/list?run_id=${id}&path=${path}`,
      (path) => `${url}/get-artifact?run_uuid=${id}&path=${path}`,
      url,
    ),
  }
}

const Point = z.object({
  value: Value,
  timestamp: z.union([z.int(), z.string()]).transform(BigInt),
  step: z.union([z.int(), z.string()]).default(0).transform(BigInt),
})

async function historyOf(url: string, run: string, key: string) {
  const query = { run_id: run, metric_key: key, max_results: '25000' }
  const points = await pages(url, 'metrics/get-history', query, 'metrics', Point, 'GET')
  const sorted = points
    .map(({ value, timestamp, step }) => ({ value: hexOf(value), timestamp, step }))
    .toSorted(
      (a, b) =>
        Number(a.timestamp - b.timestamp) ||
        Number(a.step - b.step) ||
        (a.value < b.value ? -1 : 1),
    )
  if (sorted.length <= FEW)
    return sorted.map(({ value, timestamp, step }) => [String(timestamp), String(step), value])
  const bytes = sorted.flatMap(({ value, timestamp, step }) => {
    const head = Buffer.alloc(16)
    head.writeBigInt64BE(timestamp)
    head.writeBigInt64BE(step, 8)
    return [head, Buffer.from(value, 'hex')]
  })
  return { points: sorted.length, sha256: sha256(Buffer.concat(bytes)) }
}

/** A float64 in hexadecimal, big-endian. */
function hexOf(value: number): string {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return bytes.toString('hex')
}

const Listing = z.object({
  files: z.array(z.object({ path: z.string(), is_dir: z.boolean() })).default([]),
})

/** The SHA-256 of all files below a root, by path. */
async function filesOf(
  list: (path: string) => string,
  get: (path: string) => string,
  url: string,
  folder = '',
): Promise<Record<string, string>> {
  const { files } = Listing.parse(await ask(url, list(encodeURIComponent(folder))))
  const found: Record<string, string> = {}
  for (const { path, is_dir } of files)
    if (is_dir) Object.assign(found, await filesOf(list, get, url, path))
    else {
      const reply = await fetch(get(encodeURIComponent(path)))
      found[path] = sha256(new Uint8Array(await reply.arrayBuffer()))
    }
  return found
}

const LoggedModel = z.object({
  info: z.object({
    model_id: z.string(),
    name: z.string(),
    model_type: z.string().default(''),
    status: z.string(),
    source_run_id: z.string().nullable().default(null),
    creation_timestamp_ms: Int,
    tags: Labels,
  }),
  data: z
    .object({
      params: Labels,
      metrics: z
        .array(
          z.object({
            key: z.string(),
            value: Value,
            step: Int.default(0),
            timestamp: Int,
            run_id: z.string(),
            dataset_name: z.string().default(''),
            dataset_digest: z.string().default(''),
          }),
        )
        .default([]),
    })
    .default({ params: {}, metrics: [] }),
})

async function loggedModelOf(url: string, { info, data }: z.output<typeof LoggedModel>) {
  const { model_id: id } = info
  const metrics = data.metrics.map((one) => [
    one.key,
    hexOf(one.value),
    one.step,
    one.timestamp,
    one.run_id,
    one.dataset_name || null,
    one.dataset_digest || null,
  ])
  return {
    name: info.name,
    type: info.model_type || null,
    status: info.status.replace('LOGGED_MODEL_', '').replace('UPLOAD_', ''),
    run: info.source_run_id,
    created: info.creation_timestamp_ms,
    tags: info.tags,
    params: data.params,
    metrics: metrics.toSorted((a, b) => (String(a) < String(b) ? -1 : 1)),
    artifacts: await filesOf(
      (path) => `logged-models/${id}/artifacts/directories?artifact_directory_path=${path}`,
      (path) => `${url}/api/2.0/mlflow/logged-models/${id}/artifacts/files?artifact_file_path=${path}`, // prettier-ignore
      url,
    ),
  }
}

const Texts = z.record(z.string(), z.string()).default({})
const Text = z.string().nullable().default(null)

const TraceInfo = z.object({
  trace_id: z.string(),
  state: z.string(),
  request_time: z.string().transform((text) => Date.parse(text)),
  execution_duration: z
    .string()
    .nullable()
    .default(null)
    .transform((text) => (text === null ? null : Math.round(Number.parseFloat(text) * 1_000))),
  request_preview: Text,
  response_preview: Text,
  client_request_id: Text,
  trace_metadata: Texts,
  tags: Texts,
  assessments: z
    .array(
      z
        .looseObject({ assessment_id: z.string(), trace_id: z.string() })
        .transform((said) => without(said, ['trace_id'])),
    )
    .default([]),
})

const Span = z.object({
  span_id: z.string().transform((text) => Buffer.from(text, 'base64').toString('hex')),
  parent_span_id: z
    .string()
    .default('')
    .transform((text) => Buffer.from(text, 'base64').toString('hex') || null),
  name: z.string(),
  start_time_unix_nano: z.string(),
  end_time_unix_nano: z.string(),
})

const Whole = z.object({ trace: z.object({ spans: z.array(Span).default([]) }) })

async function traceOf(url: string, info: z.output<typeof TraceInfo>) {
  const { trace } = Whole.parse(await ask(url, `traces/get?trace_id=${info.trace_id}`, '3.0'))
  return {
    state: info.state,
    time: info.request_time,
    duration: info.execution_duration,
    request: info.request_preview,
    response: info.response_preview,
    client_request_id: info.client_request_id,
    metadata: without(info.trace_metadata, ['mlflow.trace.infoFinalized']),
    tags: without(info.tags, ['mlflow.artifactLocation', 'mlflow.trace.spansLocation']),
    assessments: info.assessments.toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1)),
    spans: Object.fromEntries(
      trace.spans.map((span) => [
        span.span_id,
        {
          id: span.span_id,
          parent: span.parent_span_id,
          name: span.name,
          start: span.start_time_unix_nano,
          end: span.end_time_unix_nano,
        },
      ]),
    ),
  }
}

function idOf(assessment: Readonly<Record<string, unknown>>): string {
  return String(assessment['assessment_id'])
}

function without<T>(members: Readonly<Record<string, T>>, keys: readonly string[]) {
  return Object.fromEntries(Object.entries(members).filter(([key]) => !keys.includes(key)))
}

const Model = z.object({
  name: z.string(),
  description: z.string().default(''),
  creation_timestamp: Int,
  tags: Labels,
  aliases: z.array(z.object({ alias: z.string(), version: Int })).default([]),
})

const Version = z.object({
  version: z.string(),
  current_stage: z.string(),
  description: z.string().default(''),
  run_id: z.string().default(''),
  creation_timestamp: Int,
  tags: Labels,
})

async function modelOf(url: string, model: z.output<typeof Model>) {
  const isPrompt = model.tags['mlflow.prompt.is_prompt'] === 'true' || undefined
  const ofModel = { filter: `name = '${model.name}'${isPrompt ? ` AND ${PROMPTS}` : ''}` }
  const versions = await pages(url, 'model-versions/search', ofModel, 'model_versions', Version, 'GET') // prettier-ignore
  return {
    description: model.description || null,
    created: model.creation_timestamp,
    // MLflow's client hides it.
    tags: without(model.tags, ['mlflow.prompt.is_prompt']),
    aliases: Object.fromEntries(model.aliases.map(({ alias, version }) => [alias, version])),
    versions: Object.fromEntries(
      versions.map((one) => [
        one.version,
        {
          stage: one.current_stage,
          description: one.description || null,
          run: one.run_id || null,
          created: one.creation_timestamp,
          tags: one.tags,
        },
      ]),
    ),
  }
}

/** All that a route has, page after page. */
async function pages<T>(
  url: string,
  path: string,
  query: Readonly<Record<string, unknown>>,
  member: string,
  shape: z.ZodType<T>,
  method: 'GET' | 'POST' = 'POST',
  version = '2.0',
): Promise<T[]> {
  const found: T[] = []
  let token: string | undefined
  do {
    const given = token === undefined ? query : { ...query, page_token: token }
    const reply = Page.parse(await ask(url, path, version, method, given))
    found.push(...z.array(shape).parse(reply[member] ?? []))
    token = reply.next_page_token || undefined
  } while (token !== undefined)
  return found
}

const Page = z.looseObject({ next_page_token: z.string().optional() })

async function ask(
  url: string,
  path: string,
  version = '2.0',
  method: 'GET' | 'POST' = 'GET',
  given: Readonly<Record<string, unknown>> = {},
): Promise<unknown> {
  const query = new URLSearchParams(
    Object.entries(given).map(([key, value]): [string, string] => [key, String(value)]),
  )
  const isGet = method === 'GET'
  const tail = isGet && query.size > 0 ? `?${query.toString()}` : ''
  const reply = await fetch(`${url}/api/${version}/mlflow/${path}${tail}`, {
    method,
    ...(isGet
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(given) }),
  })
  if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`)
  return parseInt64Json(await reply.text())
}

async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const done: R[] = []
  for (const item of items) done.push(await work(item))
  return done
}

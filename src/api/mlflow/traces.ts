import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'
import type { DoomedTraces } from '../../traces/trace-removal.ts'
import type { TraceInfo } from '../../traces/trace-info.ts'
import type { NewTrace } from '../../traces/trace-start.ts'
import type { Trace } from '../../traces/whole-trace.ts'
import { endWithJson } from '../raw-reply.ts'
import { AssessmentIn, assessmentOut } from './assessment-wire.ts'
import { ExperimentId } from './experiments.ts'
import { Duration, durationOut, Instant, instantOut } from './proto-time.ts'
import { defineMlflow, type Call, type MlflowRoute } from './route.ts'
import {
  Bool,
  Int32,
  Int64,
  Label,
  MISSING,
  protobufEnum,
  repeated,
  repeatedInQuery,
  Required,
  searchMembers,
  some,
} from './wire.ts'

const Location = z.object({ mlflow_experiment: z.object({ experiment_id: ExperimentId }) })

/** More than any client tells; each is a row. */
const MAX_LABELS = 1_000

const Labels = z
  .record(z.string(), z.string())
  .default({})
  .refine((labels) => Object.keys(labels).length <= MAX_LABELS, `expected at most ${MAX_LABELS}`)

const TraceInfoIn = z
  .object({
    trace_id: Required,
    client_request_id: z.string().optional(),
    trace_location: Location,
    request_preview: z.string().optional(),
    response_preview: z.string().optional(),
    request_time: Instant,
    execution_duration: Duration.optional(),
    state: protobufEnum(['STATE_UNSPECIFIED', 'OK', 'ERROR', 'IN_PROGRESS'], 0).default(
      'STATE_UNSPECIFIED',
    ),
    trace_metadata: Labels,
    tags: Labels,
    assessments: repeated(AssessmentIn),
  })
  .transform((given): NewTrace => ({
    id: given.trace_id,
    experiment: given.trace_location.mlflow_experiment.experiment_id,
    startMs: given.request_time,
    durationMs: given.execution_duration,
    state: given.state,
    requestPreview: given.request_preview,
    responsePreview: given.response_preview,
    clientRequestId: given.client_request_id,
    metadata: given.trace_metadata,
    tags: given.tags,
    assessments: given.assessments,
  }))

const start = defineMlflow({
  method: 'POST',
  path: '/mlflow/traces',
  versions: ['3.0'],
  summary: 'Tell of a whole trace, but for its spans',
  scope: 'write',
  plainNumbers: true,
  input: z.object({ trace: z.object({ trace_info: TraceInfoIn }) }),
  async handle({ traces }, ctx, { trace }) {
    return { trace: { trace_info: infoOut(await traces.start(ctx, trace.trace_info)) } }
  },
})

const getInfo = defineMlflow({
  method: 'GET',
  path: '/mlflow/traces/{trace_id}',
  versions: ['3.0'],
  summary: 'A trace without its spans',
  scope: 'read',
  input: z.object({}),
  async handle({ traces }, ctx, _input, call) {
    return { trace: { trace_info: infoOut(await traces.info(ctx, traceOf(call))) } }
  },
})

const get = defineMlflow({
  method: 'GET',
  path: '/mlflow/traces/get',
  versions: ['3.0'],
  summary: 'A trace with its spans',
  scope: 'read',
  input: z.object({ trace_id: Required, allow_partial: Bool.default(false) }),
  async handle({ traces }, ctx, { trace_id, allow_partial }, { response }) {
    const trace = await traces.get(ctx, trace_id, allow_partial)
    endWithJson(response, `{"trace":${traceText(trace)}}`)
    return undefined
  },
})

const getMany = defineMlflow({
  method: 'GET',
  path: '/mlflow/traces/batchGet',
  versions: ['3.0'],
  summary: 'Traces by their ids, with their spans',
  scope: 'read',
  input: z.object({
    trace_ids: repeatedInQuery(z.string()).refine(notEmpty, MISSING),
    experiment_ids: repeatedInQuery(ExperimentId),
  }),
  async handle({ traces }, ctx, { trace_ids, experiment_ids }, { response }) {
    const found = await traces.getMany(ctx, trace_ids, some(experiment_ids))
    const texts = found.map(traceText)
    endWithJson(response, texts.length === 0 ? '{}' : `{"traces":[${texts.join(',')}]}`)
    return undefined
  },
})

const getInfos = defineMlflow({
  method: 'POST',
  path: '/mlflow/traces/batchGetInfos',
  versions: ['3.0'],
  summary: 'Traces by their ids, without their spans',
  scope: 'read',
  input: z.object({
    trace_ids: repeated(z.string()).refine(notEmpty, MISSING),
    experiment_ids: z.array(ExperimentId).optional(),
  }),
  async handle({ traces }, ctx, { trace_ids, experiment_ids }) {
    return { trace_infos: some((await traces.infos(ctx, trace_ids, experiment_ids)).map(infoOut)) }
  },
})

const search = defineMlflow({
  method: 'POST',
  path: '/mlflow/traces/search',
  versions: ['3.0'],
  summary: 'Traces that match a filter, a page at a time',
  scope: 'read',
  input: z.object({
    ...searchMembers('POST', 100, 500),
    locations: z.array(Location).min(1, 'expected a location'),
  }),
  async handle({ traces }, ctx, { filter, order_by, max_results, page_token, locations }) {
    const page = await traces.search(ctx, {
      experiments: locations.map((location) => location.mlflow_experiment.experiment_id),
      orderBy: order_by,
      limit: max_results,
      ...(filter === undefined ? {} : { filter }),
      ...(page_token === undefined ? {} : { pageToken: page_token }),
    })
    return { traces: some(page.traces.map(infoOut)), next_page_token: page.nextToken }
  },
})

const setTag = defineMlflow({
  method: 'PATCH',
  path: '/mlflow/traces/{trace_id}/tags',
  versions: ['2.0', '3.0'],
  summary: 'Set a tag of a trace',
  scope: 'write',
  input: Label,
  async handle({ traces }, ctx, { key, value }, call) {
    await traces.setTag(ctx, traceOf(call), key, value)
    return {}
  },
})

const removeTag = defineMlflow({
  method: 'DELETE',
  path: '/mlflow/traces/{trace_id}/tags',
  versions: ['2.0', '3.0'],
  summary: 'Take a tag off a trace',
  scope: 'write',
  input: z.object({ key: Required }),
  async handle({ traces }, ctx, { key }, call) {
    await traces.removeTag(ctx, traceOf(call), key)
    return {}
  },
})

const Doomed = z.object({
  experiment_id: ExperimentId,
  max_timestamp_millis: Int64.optional(),
  max_traces: Int32.min(1, 'expected 1 or more').optional(),
  request_ids: repeated(z.string()),
})

const remove = defineMlflow({
  method: 'POST',
  path: '/mlflow/traces/delete-traces',
  versions: ['2.0', '3.0'],
  summary: 'Remove traces for ever: by their ids, or the oldest ones until a time',
  scope: 'write',
  input: Doomed,
  async handle({ traces }, ctx, input) {
    return { traces_deleted: await traces.remove(ctx, input.experiment_id, doomedOf(input)) }
  },
})

function doomedOf({
  max_timestamp_millis: until,
  max_traces: most,
  request_ids: ids,
}: z.output<typeof Doomed>): DoomedTraces {
  if ((until === undefined) === (ids.length === 0))
    throw new GyreError(
      'INVALID_ARGUMENT',
      'Either `max_timestamp_millis` or `trace_ids` must be specified, but not both.',
    )
  if (until !== undefined) return { untilMs: Number(until), most }
  if (most === undefined) return { ids }
  throw new GyreError(
    'INVALID_ARGUMENT',
    '`max_traces` cannot be specified if `trace_ids` is specified.',
  )
}

/** As MLflow has it. */
const MAX_LINKS = 100

const linkRun = defineMlflow({
  method: 'POST',
  path: '/mlflow/traces/link-to-run',
  summary: 'Let traces be found by a run',
  scope: 'write',
  input: z.object({
    trace_ids: repeated(z.string())
      .refine(notEmpty, MISSING)
      .refine((ids) => ids.length <= MAX_LINKS, `expected at most ${MAX_LINKS}`),
    run_id: Required,
  }),
  async handle({ traces }, ctx, { trace_ids, run_id }) {
    await traces.linkRun(ctx, trace_ids, run_id)
    return {}
  },
})

const linkPrompts = defineMlflow({
  method: 'POST',
  path: '/mlflow/traces/link-prompts',
  summary: 'Say which prompts a trace used',
  scope: 'write',
  input: z.object({
    trace_id: Required,
    prompt_versions: z
      .array(z.object({ name: Required, version: z.string().regex(/^\d+$/, 'expected a number') }))
      .min(1, 'expected a prompt'),
  }),
  async handle({ traces }, ctx, { trace_id, prompt_versions }) {
    const prompts = prompt_versions.map(({ name, version }) => `${name}/${Number(version)}`)
    await traces.linkPrompts(ctx, trace_id, prompts)
    return {}
  },
})

export const traceRoutes: readonly MlflowRoute[] = [
  start,
  search,
  get,
  getMany,
  getInfos,
  getInfo,
  setTag,
  removeTag,
  remove,
  linkRun,
  linkPrompts,
]

function traceOf({ params }: Call): string {
  return params['trace_id'] ?? ''
}

function notEmpty(ids: readonly string[]): boolean {
  return ids.length > 0
}

/** Spans are JSON already, with integers that no number holds. */
function traceText({ info, spans }: Trace): string {
  const all = spans.length === 0 ? '' : `,"spans":[${spans.join(',')}]`
  return `{"trace_info":${JSON.stringify(infoOut(info))}${all}}`
}

function infoOut(info: TraceInfo): object {
  return {
    trace_id: info.id,
    client_request_id: info.clientRequestId,
    trace_location: {
      type: 'MLFLOW_EXPERIMENT',
      mlflow_experiment: { experiment_id: String(info.experiment) },
    },
    request_preview: info.requestPreview,
    response_preview: info.responsePreview,
    request_time: instantOut(info.startMs),
    execution_duration: info.durationMs === undefined ? undefined : durationOut(info.durationMs),
    state: info.state,
    trace_metadata: someLabels(info.metadata),
    tags: someLabels(info.tags),
    assessments: some(info.assessments.map(assessmentOut)),
  }
}

function someLabels(labels: Readonly<Record<string, string>>) {
  return Object.keys(labels).length === 0 ? undefined : labels
}

import { isDeepStrictEqual } from 'node:util'
import type {
  ImportAssessment,
  ImportedTrace,
  ImportOutcome,
  ImportTrace,
} from '@gyre/sdk/wire/import'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { readSpan, unpackExport, type OtlpSpan } from '../core/formats/otlp.ts'
import { judgeLabels } from '../core/import-outcome.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import { toAssessment, type NewAssessment } from './assessment.ts'
import { putAssessment, setValid } from './assessments.ts'
import { cellsOf, faultOf } from './span-log.ts'
import { IN_STORE, SPANS_TAG } from './trace-label.ts'
import { assertTraceId, putLabels, startTrace } from './trace-start.ts'

export interface ImportTraceDeps {
  readonly catalog: Catalog
  readonly clock: Clock
  readonly experimentNamed: (ctx: Context, name: string) => Promise<number>
  readonly location: (experiment: number, trace: string) => string
}

/**
 * Makes a trace of what another tracker kept, under its id, or adds what it lacks. Throws NOT_FOUND for the
 * experiment, INVALID_ARGUMENT, and CONFLICT for an id that stands for something else here.
 */
export async function importTrace(
  { catalog, clock, experimentNamed, location }: ImportTraceDeps,
  ctx: Context,
  trace: ImportTrace,
): Promise<ImportedTrace> {
  assertTraceId(trace.id)
  const experiment = await experimentNamed(ctx, trace.experiment)
  const place = location(experiment, trace.id)
  const nowMs = clock.now().getTime()
  return catalog.write(async (tx) => {
    const known = await findTrace(tx, ctx, trace, experiment)
    const isChanged = !known || (isOpen(known.state) && !isOpen(trace.state))
    const seq = isChanged
      ? await startTrace(tx, ctx, headOf(trace, experiment), place, nowMs)
      : known.seq
    return {
      outcome: isChanged ? 'imported' : 'there',
      metadata: await importLabels(tx, 'trace_metadata', seq, trace.metadata),
      tags: await importLabels(tx, 'trace_tags', seq, trace.tags),
      assessments: await inTurn(trace.assessments, (one) =>
        importAssessment(tx, seq, trace.id, one, nowMs),
      ),
      links: await inTurn(trace.links, (link) => importLink(tx, seq, link)),
      spans: await importSpans(tx, seq, trace),
    }
  })
}

/** Throws CONFLICT for another trace of its id. */
async function findTrace(
  tx: Tx,
  { project }: Context,
  { id, startMs }: ImportTrace,
  experiment: number,
) {
  const row = await tx
    .selectFrom('traces')
    .select(['seq', 'experiment', 'start_ms', 'state'])
    .where('project', '=', project)
    .where('id', '=', id)
    .executeTakeFirst()
  if (row && (row.experiment !== experiment || row.start_ms !== startMs))
    throw new GyreError('CONFLICT', 'another trace of its id is here')
  return row
}

function isOpen(state: ImportTrace['state']): boolean {
  return state === 'IN_PROGRESS' || state === 'STATE_UNSPECIFIED'
}

function headOf(trace: ImportTrace, experiment: number) {
  return {
    id: trace.id,
    experiment,
    startMs: trace.startMs,
    durationMs: trace.durationMs ?? undefined,
    state: trace.state,
    requestPreview: trace.requestPreview ?? undefined,
    responsePreview: trace.responsePreview ?? undefined,
    clientRequestId: trace.clientRequestId ?? undefined,
    metadata: {},
    tags: {},
    assessments: [],
  }
}

async function importLabels(
  tx: Tx,
  table: 'trace_tags' | 'trace_metadata',
  trace: number,
  labels: ImportTrace['tags'],
): Promise<ImportOutcome[]> {
  const rows = await tx.selectFrom(table).selectAll().where('trace', '=', trace).execute()
  const { fresh, outcomes } = judgeLabels(
    labels,
    new Map(rows.map(({ key, value }) => [key, value])),
  )
  // Whole: a longer one than MLflow takes today was taken once.
  if (fresh.length > 0) {
    const pairs = fresh.map(({ key, value }) => [key, value] as const)
    await putLabels(tx, table, trace, pairs)
  }
  return [...outcomes]
}

async function importAssessment(
  tx: Tx,
  seq: number,
  trace: string,
  given: ImportAssessment,
  nowMs: number,
): Promise<ImportOutcome> {
  const row = await tx
    .selectFrom('assessments')
    .selectAll()
    .where('trace', '=', seq)
    .where('id', '=', given.id)
    .executeTakeFirst()
  const { valid, ...one } = toNew(given)
  if (!row) {
    await putAssessment(tx, seq, one, nowMs)
    if (!valid) await setValid(tx, seq, given.id, 0)
    return 'imported'
  }
  const here = toAssessment(trace, row)
  const isSame = isDeepStrictEqual(here, { ...one, trace, valid })
  return isSame ? 'there' : { refused: 'another assessment of its id is here' }
}

function toNew(given: ImportAssessment): NewAssessment & { readonly valid: boolean } {
  const { sourceType, sourceId, span, rationale, overrides, judgement, ...rest } = given
  return {
    ...rest,
    judgement: judgementOf(judgement),
    source: { type: sourceType, id: sourceId ?? undefined },
    span: span ?? undefined,
    rationale: rationale ?? undefined,
    overrides: overrides ?? undefined,
  }
}

function judgementOf(given: ImportAssessment['judgement']): NewAssessment['judgement'] {
  if (given.kind !== 'feedback') return given
  const { error } = given
  if (!error) return { ...given, error: undefined }
  const { code, message, stack } = error
  return {
    ...given,
    error: {
      code,
      ...(message === null ? {} : { message }),
      ...(stack === null ? {} : { stack }),
    },
  }
}

async function importLink(
  tx: Tx,
  trace: number,
  { kind, to }: ImportTrace['links'][number],
): Promise<ImportOutcome> {
  const { numInsertedOrUpdatedRows } = await (
    kind === 'run'
      ? tx.insertInto('trace_runs').values({ trace, run: to })
      : tx.insertInto('trace_prompts').values({ trace, prompt: to })
  )
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return numInsertedOrUpdatedRows === 0n ? 'there' : 'imported'
}

async function importSpans(
  tx: Tx,
  trace: number,
  { id: of, spans }: ImportTrace,
): Promise<ImportOutcome[]> {
  if (spans.length > 0) await putLabels(tx, 'trace_tags', trace, [[SPANS_TAG, IN_STORE]])
  return inTurn(spans, async (packed): Promise<ImportOutcome> => {
    const span = unpackOne(packed, of)
    if (typeof span === 'string') return { refused: span }
    const here = await tx
      .selectFrom('trace_spans')
      .select('content')
      .where('trace', '=', trace)
      .where('id', '=', span.spanId)
      .executeTakeFirst()
    if (here) return here.content === span.json ? 'there' : { refused: 'another span of its id is here' } // prettier-ignore
    const { id, parent = null, name, type = null, status, startNs, content } = cellsOf(span)
    const row = { trace, id, parent, name, type, status, start_ns: startNs, content }
    await tx.insertInto('trace_spans').values(row).execute()
    return 'imported'
  })
}

/** The span, or what is wrong with it. */
function unpackOne(packed: string, trace: string): OtlpSpan | string {
  try {
    const [bytes, ...others] = unpackExport(Buffer.from(packed, 'base64')).flatMap((origin) => origin.spans) // prettier-ignore
    if (!bytes || others.length > 0) return 'expected one span'
    const span = readSpan(bytes)
    if (`tr-${span.traceId}` !== trace) return 'it is of another trace'
    return faultOf(span) ?? span
  } catch (thrown) {
    if (thrown instanceof GyreError) return thrown.message
    throw thrown
  }
}

/** One after the other: they are of one unit. */
async function inTurn<T>(
  items: readonly T[],
  work: (item: T) => Promise<ImportOutcome>,
): Promise<ImportOutcome[]> {
  const outcomes: ImportOutcome[] = []
  for (const item of items) outcomes.push(await work(item))
  return outcomes
}
